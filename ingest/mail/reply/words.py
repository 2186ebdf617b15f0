"""The words that mail programs put around an older mail and below a new one, in the languages they speak.

They are what the programs themselves write (their translations are public), grouped by use and, where the order helps a
reader, by language: en de nl fr es pt it ca ro sv da no fi et lv lt pl cs sk hr/sr sl hu bg ru uk el tr he ar fa vi id
th ja zh ko. All are lower case.
"""

# ruff: noqa: RUF001  # Cyrillic and Turkish words have letters that look like Latin ones

# "On … wrote:": how such a line may begin when it does not begin with a date …
OPENERS = (
    "on", "at", "in a message dated", "in article", "in message", "am", "op", "le", "el", "em", "a", "il giorno", "il", "in data",
    "in date", "în data de", "la", "pe", "på", "den", "d.", "kl.", "w dniu", "dnia", "dne", "dňa", "dana", "u", "dne", "na", "στις",
    "ngày", "vào", "lúc", "pada", "tanggal", "בתאריך", "ב-", "في", "در", "เมื่อ", "在", "于", "於",
)  # fmt: skip
# … and the word for writing in it.
WROTE = (
    "wrote", "writes", "said", "says", "schrieb", "schrieben", "geschrieben", "schreibt", "schreef", "geschreven", "schrijft",
    "a écrit", "écrit", "a ecrit", "escribió", "escribio", "ha escrito", "escribiste", "escreveu", "ha scritto", "scritto",
    "scrive", "va escriure", "escribiu", "a scris", "skrev", "skriver", "skrifaði", "kirjoitti", "kirjutas", "rakstīja", "rašė",
    "napisał", "napisała", "napisał(a)", "napisali", "pisze", "nadesłał", "nadesłał(a)", "napsal", "napsala", "napsal(a)",
    "napísal", "napísala", "napísal(a)", "napisao", "napisala", "napisao/la", "napisao(la)", "je napisal", "napisal", "piše",
    "написао", "ezt írta", "írta", "a következőt írta", "написа", "написал", "написала", "написал(а)", "написал (а)", "пишет",
    "писал", "писал(а)", "пише", "написав", "написав(ла)", "написав(-ла)", "έγραψε", "yazdı", "yazdi", "şunu yazdı", "şunları yazdı",
    "כתב", "כתבה", "כתב/ה", "كتب", "كتبت", "كتب/كتبت", "نوشت", "đã viết", "viết", "menulis", "เขียน", "เขียนว่า", "ने लिखा",
)  # fmt: skip
# Languages without spaces between words: the word ends the line or nearly so.
WROTE_GLUED = ("写道", "寫道", "寫到", "写到", "のメッセージ", "書きました", "作成", "작성", "작성함", "썼습니다", "씀")

# The header lines that Outlook and its like put above the older mail.
FROM = frozenset({
    "from", "von", "van", "de", "da", "od", "от", "від", "från", "fra", "lähettäjä", "saatja", "no", "nuo", "kimden", "gönderen",
    "expéditeur", "remitente", "remetente", "mittente", "absender", "afzender", "feladó", "de la", "expeditor", "από", "šalje",
    "pošiljatelj", "pošiljalac", "odosielateľ", "odesílatel", "nadawca", "отправитель", "відправник", "מאת", "من", "từ", "người gửi",
    "dari", "จาก", "差出人", "送信者", "发件人", "發件人", "寄件者", "寄件人", "보낸 사람", "보낸사람", "보낸이", "gesendet von", "sent by",
})  # fmt: skip
SENT = frozenset({
    "sent", "gesendet", "verzonden", "envoyé", "envoyé le", "envoyée", "enviado", "enviado el", "enviado em", "enviada em",
    "enviada", "enviat", "inviato", "inviata", "odesláno", "odoslané", "wysłano", "wysłane", "skickat", "sendt", "lähetetty",
    "saadetud", "отправлено", "надіслано", "gönderildi", "gönderilme tarihi", "gönderme tarihi", "elküldve", "küldve", "trimis",
    "expediat", "στάλθηκε", "εστάλη", "изпратено", "poslano", "послато", "נשלח", "تم الإرسال", "ارسال", "đã gửi", "dikirim", "ส่ง",
    "送信日時", "发送时间", "傳送時間", "寄件日期", "發送時間", "보낸 날짜", "보낸날짜", "보낸 시간", "versendet",
})  # fmt: skip
DATE = frozenset({
    "date", "datum", "data", "fecha", "dato", "päivämäärä", "päiväys", "pvm", "kuupäev", "дата", "tarih", "dátum", "dată",
    "ημερομηνία", "תאריך", "التاريخ", "تاريخ", "ngày", "tanggal", "วันที่", "日付", "日時", "日期", "날짜", "when", "wann", "le",
})  # fmt: skip
TO = frozenset({
    "to", "an", "à", "a", "para", "per", "aan", "komu", "pro", "do", "кому", "до", "till", "til", "vastaanottaja", "saaja", "kam", "kime",
    "alıcı", "címzett", "către", "catre", "προς", "za", "prima", "primatelj", "אל", "إلى", "đến", "tới", "kepada", "ถึง", "宛先", "收件人",
    "收件者", "받는 사람", "받는사람", "받는이", "destinataire", "destinatario", "destinatário", "empfänger", "cc", "kopie", "copie", "copia",
    "cópia", "cc:", "копия", "копія", "kopio", "kopi", "kopia", "kopija", "bilgi", "másolat", "dw", "抄送", "参照", "참조", "bcc",
    "reply-to", "antwort an", "répondre à", "responder a", "rispondi a", "ответить",
})  # fmt: skip
SUBJECT = frozenset({
    "subject", "betreff", "onderwerp", "objet", "sujet", "asunto", "oggetto", "assunto", "assumpte", "ämne", "emne", "aihe", "otsikko",
    "teema", "temats", "tema", "temat", "předmět", "predmet", "тема", "konu", "tárgy", "subiect", "θέμα", "נושא", "الموضوع", "موضوع",
    "chủ đề", "subjek", "perihal", "หัวเรื่อง", "เรื่อง", "件名", "主题", "主題", "主旨", "제목", "betrifft", "относно",
})  # fmt: skip
OTHER_HEADERS = frozenset({
    "importance", "wichtigkeit", "priority", "priorität", "attachments", "anlagen", "anhänge", "pièces jointes", "organization",
    "organisation", "newsgroups", "message-id", "mailing list", "in-reply-to", "resent-from", "sender", "wysyłający",
})  # fmt: skip

# "-----Original Message-----", with dashes around.
ORIGINAL = (
    "original message", "original appointment", "original mail", "original email", "original e-mail", "mail original", "e-mail d'origine", "courriel original", "courriel d'origine", "reply message", "ursprüngliche nachricht",
    "ursprüngliche mail", "urspruengliche nachricht", "originalnachricht", "original-nachricht", "original nachricht",
    "antwort nachricht", "originele bericht", "origineel bericht", "oorspronkelijk bericht", "oorspronkelijke bericht",
    "message d'origine", "message d’origine", "message original", "message initial", "mensaje original", "messaggio originale",
    "messaggio originario", "mensagem original", "missatge original", "mensaxe orixinal", "mesaj original", "mesajul original",
    "originalmeddelande", "ursprungligt meddelande", "originalmelding", "opprinnelig melding", "oprindelig meddelelse",
    "oprindelig besked", "original besked", "original meddelelse", "alkuperäinen viesti", "algne kiri", "algne sõnum",
    "oriģinālā ziņa", "sākotnējais ziņojums", "originalus laiškas", "pradinis laiškas", "wiadomość oryginalna",
    "oryginalna wiadomość", "treść oryginalnej wiadomości", "původní zpráva", "původní e-mail", "pôvodná správa",
    "izvorna poruka", "originalna poruka", "orijinal mesaj", "özgün ileti", "orijinal ileti", "eredeti üzenet",
    "оригинално съобщение", "исходное сообщение", "оригинал сообщения", "исходное письмо", "пересылаемое сообщение от",
    "вихідне повідомлення", "оригінальне повідомлення", "оригинална порука", "αρχικό μήνυμα", "הודעה מקורית", "رسالة أصلية",
    "الرسالة الأصلية", "tin nhắn gốc", "thư gốc", "pesan asli", "ข้อความเดิม", "元のメッセージ", "original message", "原始邮件",
    "原始郵件", "原邮件", "원본 메시지", "원본 메일", "원본메시지",
)  # fmt: skip
# "---------- Forwarded message ---------" with dashes around, and what Apple Mail writes without.
FORWARDED = (
    "forwarded message", "forwarded mail", "forward message", "weitergeleitete nachricht", "weitergeleitete mail",
    "doorgestuurd bericht", "message transféré", "message transmis", "mensaje reenviado", "messaggio inoltrato",
    "mensagem encaminhada", "mensagem reencaminhada", "missatge reenviat", "mesaj redirecționat", "mesaj redirectionat",
    "vidarebefordrat meddelande", "videresendt meddelelse", "videresendt melding", "videresendt besked", "välitetty viesti",
    "edelleen lähetetty viesti", "edastatud kiri", "pārsūtītā ziņa", "persiųstas laiškas", "wiadomość przekazana",
    "przekazana wiadomość", "treść przekazanej wiadomości", "přeposlaná zpráva", "preposlaná správa", "proslijeđena poruka",
    "prosleđena poruka", "posredovano sporočilo", "továbbított üzenet", "препратено съобщение", "пересланное сообщение",
    "пересылаемое сообщение", "переслане повідомлення", "προωθημένο μήνυμα", "yönlendirilen mesaj", "iletilmiş mesaj",
    "yönlendirilmiş ileti", "הודעה שהועברה", "رسالة معاد توجيهها", "thư đã chuyển tiếp", "pesan yang diteruskan",
    "ข้อความที่ส่งต่อ", "転送されたメッセージ", "转发的邮件", "轉寄的郵件", "转发邮件信息", "전달된 메일", "전달된 메시지",
)  # fmt: skip
BEGIN_FORWARDED = (
    "begin forwarded message", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail",
    "begin doorgestuurd bericht", "début du message transféré", "début du message réexpédié", "inicio del mensaje reenviado",
    "inizio messaggio inoltrato", "início da mensagem encaminhada", "início da mensagem reencaminhada", "vidarebefordrat brev",
    "start på videresendt besked", "videresendt melding", "välitetty viesti alkaa", "początek przekazanej wiadomości",
    "začátek přeposílané zprávy", "začiatok preposlanej správy", "továbbított levél kezdete", "начало переадресованного письма",
    "начало переадресованного сообщения", "початок листа, що пересилається", "iletilen ileti başlangıcı", "転送されたメッセージ",
    "以下是转发的邮件", "开始转发的邮件", "以下為轉寄的郵件",
)  # fmt: skip

# "Please reply above this line", as help desks write it.
REPLY_ABOVE = (
    "reply above this line", "reply above this", "type your reply above this line", "write your reply above this line",
    "respond above this line", "reply above the line", "above this line to reply", "above this line to post", "enter your reply above",
    "antwort über dieser zeile", "antwort oberhalb dieser zeile", "über dieser linie antworten", "antworten sie über dieser",
    "oberhalb dieser linie", "répondre au-dessus de cette ligne", "répondez au-dessus de cette ligne", "réponse au-dessus de cette ligne",
    "saisissez votre réponse au-dessus", "responda por encima de esta línea", "responder por encima de esta línea",
    "respuesta por encima de esta línea", "responda acima desta linha", "resposta acima desta linha", "rispondi sopra questa riga",
    "rispondere sopra questa riga", "risposta sopra questa riga", "antwoord boven deze regel", "reageer boven deze regel",
    "antwoord boven deze lijn", "svara ovanför denna rad", "svar over denne linje", "svar over denne linjen", "odpowiedz powyżej tej linii",
    "odpowiedź powyżej tej linii", "odpovězte nad tímto řádkem", "ответьте выше этой строки", "пишите ответ выше этой",
)  # fmt: skip

# How a line that a phone or a web mailer adds begins, and what may follow for it to be one.
SENT_FROM = (
    "sent from", "sent via", "sent with", "sent by", "sent using", "sent wirelessly", "sent on the go", "sent through", "get outlook for",
    "get bluemail for", "get the new", "from my", "typed on", "written on my", "gesendet von", "gesendet mit", "gesendet mithilfe",
    "gesendet über", "gesendet aus", "von meinem", "von meiner", "von mein", "von unterwegs gesendet", "diese nachricht wurde von mein",
    "outlook für", "holen sie sich outlook", "laden sie outlook", "verzonden vanaf", "verzonden vanuit", "verzonden met", "verzonden via",
    "verstuurd vanaf", "verstuurd vanuit", "verstuurd met", "outlook voor", "download outlook voor", "envoyé de", "envoyé depuis",
    "envoyé à partir", "envoyé par", "envoyé avec", "envoyé via", "envoyé sans fil", "envoyée depuis", "télécharger outlook pour",
    "téléchargez outlook pour", "obtenez outlook pour", "obtenir outlook pour", "enviado desde", "enviado con", "enviado por",
    "enviado vía", "obtener outlook para", "descargar outlook para", "consigue outlook para", "enviado do", "enviado de", "enviado a partir",
    "enviado pelo", "enviado via", "obter o outlook para", "obtenha o outlook para", "baixe o outlook para", "inviato da", "inviato dal",
    "inviato con", "inviato tramite", "ottieni outlook per", "scarica outlook per", "enviat des", "trimis de pe", "trimis din",
    "skickat från", "skickad från", "skickat med", "hämta outlook för", "från min", "sendt fra", "sendt via", "sendt med", "hent outlook",
    "få outlook", "skaff deg outlook", "lähetetty", "hanki outlook", "saadetud", "nosūtīts no", "išsiųsta iš", "wysłano z", "wysłane z",
    "pobierz program outlook", "pobierz aplikację outlook", "odesláno z", "odoslané z", "poslano z", "poslano s", "poslato sa", "získat outlook",
    "stáhnout outlook", "elküldve", "küldve", "az iphone-omról küldve", "iphone-omról küldve", "изпратено от", "отправлено с", "отправлено из",
    "отправлено от", "отправлено через", "скачать outlook", "надіслано з", "надіслано від", "відправлено з", "στάλθηκε από", "εστάλη από",
    "נשלח מה", "נשלח מ", "أرسلت من", "تم الإرسال من", "ارسال شده از", "được gửi từ", "đã gửi từ", "gửi từ", "dikirim dari", "ส่งจาก",
    "从我的", "從我的", "发自我的", "发自", "發自我的", "獲取", "获取", "取得 outlook", "以下から送信", "yahoo mail:", "yahoo mail for",
)  # fmt: skip
# … or ends.
SENT_FROM_ENDS = (
    "gesendet", "gesendet.", "iphone'umdan gönderildi", "gönderildi", "gönderilmiştir", "iphoneから送信", "から送信", "에서 보냄", "발송",
    "傳送", "发送", "發送", "küldve", "from mobile", "from phone", "lähetetty",
)  # fmt: skip
# What such a line speaks of: without one of these words (or a link) it is somebody's sentence.
DEVICES = (
    "iphon", "ipad", "ipod", "android", "samsung", "galaxy", "blackberry", "windows", "outlook", "yahoo", "gmail", "mail for", "mailbox", "mail.ru", "fastmail", "mobile mail", "phone", "mobil",
    "móvil", "movil", "telefon", "telefoon", "téléphone", "celular", "celulare", "handy", "tablet", "huawei", "xiaomi", "nokia", "lumia",
    "htc", "sony", "xperia", "motorola", "oneplus", "pixel", "lg ", "spark", "superhuman", "airmail", "proton", "k-9", "gmx", "web.de", "app ", "mail app", "l'application", "freenet", "orange", "мобильн", "rambler",
    "hubspot", "front", "mac", "smartphone", "device", "gerät", "wireless", "verizon", "t-mobile", "at&t", "nine", "aol", "shift", "mailbird",
    "newton", "boxer", "polymail", "hey", "zoho", "tutanota", "tuta", "ti-85", "puhelime", "телефон", "смартфон", "устройств", "почт", "手机",
    "手機", "핸드폰", "palm", "nexus", "redmi", "oppo", "vivo", "droid", "fairphone", "apple", "ios", "computer", "laptop", "kindle", "thunderbird",
    "em client", "emclient", "missive", "notion", "desktop", "tablette", "portable", "cell",
)  # fmt: skip

# A closing after which only a name or a card follows: cut with it.
REGARDS = (
    "regards", "best regards", "kind regards", "kindest regards", "warm regards", "warmest regards", "many regards", "with regards",
    "with best regards", "with kind regards", "best wishes", "with best wishes", "all the best", "sincerely", "sincerely yours",
    "yours sincerely", "yours truly", "yours faithfully", "very truly yours", "respectfully", "respectfully yours", "cordially",
    "thanks and regards", "thanks and best regards", "thanks & best regards", "thanks and kind regards", "many thanks and best regards", "thank you and best regards", "best regards and thanks", "with warm regards", "warm wishes", "yours", "kindly", "have a nice day", "have a great day", "thanks & regards", "thank you and regards", "best regards / mit freundlichen grüßen", "warmly", "br", "kr", "rgds",
    "mit freundlichen grüßen", "mit freundlichen gruessen", "mit freundlichen grüssen", "mit freundlichem gruß", "mit freundlichem gruss",
    "mit besten grüßen", "mit besten grüssen", "mit vielen grüßen", "mit herzlichen grüßen", "mit lieben grüßen", "freundliche grüße",
    "freundliche grüsse", "freundlichen gruß", "beste grüße", "beste grüsse", "besten gruß", "viele grüße", "viele grüsse", "viele gruesse",
    "vielen dank und viele grüße", "liebe grüße", "liebe grüsse", "herzliche grüße", "herzliche grüsse", "schöne grüße", "schönen gruß",
    "gruß", "grüße", "gruss", "lg", "mfg", "vg", "hochachtungsvoll", "viele grüße aus hamburg",
    "met vriendelijke groet", "met vriendelijke groeten", "vriendelijke groet", "vriendelijke groeten", "met hartelijke groet",
    "met hartelijke groeten", "hartelijke groet", "hartelijke groeten", "hoogachtend", "groet", "groeten", "groetjes", "mvg",
    "cordialement", "bien cordialement", "très cordialement", "cordiales salutations", "sincères salutations", "meilleures salutations",
    "salutations", "salutations distinguées", "bien à vous", "bien à toi", "amicalement", "sincèrement", "respectueusement", "cdt", "cdlt",
    "bonne journée", "bonne soirée", "belle journée", "bonne réception",
    "saludos", "un saludo", "saludos cordiales", "un cordial saludo", "cordiales saludos", "cordialmente", "atentamente", "un abrazo", "atte",
    "atte.", "reciba un cordial saludo", "muchos saludos",
    "atenciosamente", "cumprimentos", "com os melhores cumprimentos", "melhores cumprimentos", "os melhores cumprimentos", "abraço", "abraços",
    "um abraço", "att", "att.", "respeitosamente", "saudações", "abs",
    "cordiali saluti", "distinti saluti", "cordialmente", "un saluto", "un cordiale saluto", "saluti", "tanti saluti", "i migliori saluti",
    "salutacions", "cu respect", "cu stimă", "cu stima", "o zi bună",
    "med vänliga hälsningar", "med vänlig hälsning", "vänliga hälsningar", "vänlig hälsning", "hälsningar", "bästa hälsningar",
    "med venlig hilsen", "med venlige hilsner", "venlig hilsen", "venlige hilsner", "bedste hilsner", "de bedste hilsner", "mange hilsner",
    "med vennlig hilsen", "vennlig hilsen", "vennlige hilsener", "beste hilsener", "beste hilsen", "hilsen", "mvh", "vh", "dbh",
    "ystävällisin terveisin", "terveisin", "parhain terveisin", "yt", "t.", "terv", "lugupidamisega", "parimate soovidega", "ar cieņu",
    "pagarbiai", "pozdrawiam", "pozdrawiam serdecznie", "serdecznie pozdrawiam", "z poważaniem", "z wyrazami szacunku", "pozdrowienia",
    "s pozdravem", "s přátelským pozdravem", "s úctou", "s pozdravom", "s úctou a pozdravom", "hezký den", "s pozdravy", "pěkný den",
    "lijep pozdrav", "srdačan pozdrav", "s poštovanjem", "lep pozdrav", "pozdrav", "lp", "üdvözlettel", "tisztelettel", "üdv", "köszönettel",
    "с уважением", "с наилучшими пожеланиями", "всего доброго", "з повагою", "з найкращими побажаннями", "с уважение", "поздрави",
    "με εκτίμηση", "φιλικά", "saygılarımla", "saygılarımızla", "iyi çalışmalar", "sevgiler", "בברכה", "בכבוד רב", "مع التحية", "تحياتي",
    "مع أطيب التحيات", "با احترام", "trân trọng", "thân mến", "hormat saya", "salam", "ขอแสดงความนับถือ",
    "此致", "此致敬礼", "祝好", "顺祝商祺", "敬上", "以上、よろしくお願いいたします", "감사합니다", "敬具",
)  # fmt: skip
# A closing that also says something: it stays, unless a card with telephone numbers or links hangs on it.
THANKS = (
    "thanks", "thanks!", "thank you", "many thanks", "thanks again", "thanks a lot", "thanks in advance", "thank you in advance", "thx", "cheers",
    "best", "danke", "vielen dank", "besten dank", "danke und gruß", "vielen dank im voraus", "merci", "merci d'avance", "merci beaucoup",
    "gracias", "muchas gracias", "obrigado", "obrigada", "grazie", "grazie mille", "bedankt", "dank je wel", "alvast bedankt", "tack",
    "tack på förhand", "tak", "på forhånd tak", "takk", "på forhånd takk", "kiitos", "kiitos etukäteen", "dziękuję", "dzięki", "děkuji", "díky",
    "ďakujem", "hvala", "köszönöm", "спасибо", "дякую", "ευχαριστώ", "teşekkürler", "mulțumesc", "ありがとうございます", "谢谢",
)  # fmt: skip

# How a paragraph begins that lawyers, virus scanners and list programs hang below a mail.
DISCLAIMERS = (
    "this email and any", "this e-mail and any", "this message and any", "this mail and any", "this email is confidential",
    "this e-mail is confidential", "this email message", "this e-mail message", "this message is confidential", "this message contains confidential",
    "this email may contain", "this e-mail may contain", "this message may contain", "this email contains", "this e-mail contains",
    "this communication", "this transmission", "this electronic", "the information contained in this", "the information in this",
    "the contents of this", "the content of this", "the information transmitted", "confidentiality notice", "confidentiality note",
    "confidentiality:", "confidential:", "disclaimer", "legal disclaimer", "legal notice", "privileged and confidential", "private and confidential",
    "privileged/confidential", "important notice", "if you are not the intended", "if you have received this",
    "if you received this email in error", "please consider the environment", "please think about the environment", "think before you print",
    "think of the environment", "virus-free", "this email has been checked for viruses", "this email has been scanned",
    "this email was scanned", "this message has been scanned", "this e-mail has been scanned", "email disclaimer", "emails are not secure",
    "diese e-mail enthält", "diese e-mail kann", "diese email enthält", "diese nachricht enthält", "diese e-mail und", "diese nachricht ist vertraulich",
    "diese e-mail ist vertraulich", "diese e-mail wurde von avast", "der inhalt dieser e-mail", "der inhalt dieser nachricht", "die information in dieser",
    "die in dieser e-mail", "vertraulichkeitshinweis", "wichtiger hinweis", "rechtlicher hinweis", "bitte denken sie an die umwelt",
    "bitte prüfen sie, ob", "bitte drucken sie diese", "virenfrei", "wenn sie nicht der richtige adressat", "sollten sie nicht der",
    "ce message et", "ce courriel", "ce mail et", "cet e-mail", "cet email", "ce message est confidentiel", "ce message contient",
    "ce message électronique", "les informations contenues dans ce", "avis de confidentialité", "pensez à l'environnement",
    "pensez à l’environnement", "avant d'imprimer", "afin de respecter l'environnement", "n'imprimez ce", "garanti sans virus",
    "l'absence de virus dans ce courrier", "este mensaje", "este correo", "la información contenida en este", "aviso legal",
    "aviso de confidencialidad", "confidencialidad", "antes de imprimir", "libre de virus", "esta mensagem", "este e-mail", "este email",
    "as informações contidas", "aviso de confidencialidade", "livre de vírus", "pense antes de imprimir", "questo messaggio",
    "questa e-mail", "questa email", "le informazioni contenute", "il contenuto di questa", "ai sensi del", "avvertenza", "privacy:", "privo di virus",
    "prima di stampare", "mail priva di virus", "dit bericht", "deze e-mail", "dit e-mailbericht", "deze email", "de informatie in dit",
    "de informatie verzonden", "de inhoud van dit bericht", "virusvrij", "denk aan het milieu", "detta meddelande", "detta e-postmeddelande",
    "detta mail", "denna e-post", "innehållet i detta", "denne e-mail", "denne mail", "denne e-posten", "denne e-post", "denne meddelelse",
    "tämä viesti", "tämä sähköposti", "ta wiadomość", "ta wiadomosc", "niniejsza wiadomość", "treść tej wiadomości", "informacje zawarte w",
    "tento e-mail", "tato zpráva", "tento email", "tato e-mailová", "táto správa", "ova poruka", "to sporočilo", "ez az üzenet", "ez az e-mail",
    "az e-mail tartalma", "acest mesaj", "acest e-mail", "данное сообщение", "это сообщение", "это электронное", "настоящее сообщение",
    "це повідомлення", "το παρόν μήνυμα", "bu e-posta", "bu mesaj", "bu elektronik", "本邮件", "此邮件", "このメール", "本メール", "이 메일은",
    "本電子郵件", "you received this message because", "reply to this email directly", "visit topic or reply", "you are receiving this because", "you are receiving this email because", "to unsubscribe",
    "to stop receiving", "this mail was sent to", "pour vous désabonner",
)  # fmt: skip
# What such a paragraph speaks of; without one of these it is somebody's sentence.
DISCLAIMER_SPEAKS_OF = (
    "confiden", "privileg", "vertraul", "virus", "viren", "intended", "recipient", "destinat", "empfänger", "adressat", "print", "imprim",
    "druck", "stampa", "poufn", "důvěrn", "dôvern", "konfident", "fortrol", "förtrol", "luottamuk", "bizalmas", "gizli", "riservat",
    "vertrouwelijk", "milieu", "liab", "environment", "umwelt", "environnement", "medio ambiente", "avast", "scanned", "secure", "in error",
    "mailing list", "unsubscribe", "subscribed", "group", "désabonner", "конфиден", "конфіден", "povjerljiv", "zaupn", "εμπιστευ", "机密", "保密", "機密", "비밀",
    "legal", "privad", "privat", "geadresseerde", "adresat", "mottagar", "modtager", "mottaker", "vastaanottaj", "címzett",
)  # fmt: skip
