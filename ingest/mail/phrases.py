"""What programs write in the languages they are sold in: words before a subject, and sentences of mail servers."""

# ruff: noqa: RUF001  # letters of other alphabets are meant here

import re

AUTOMATIC = frozenset(
    {
        # Exchange and Outlook, by display language
        "automatic reply", "automatische antwort", "réponse automatique", "respuesta automática", "respuesta automatica",
        "risposta automatica", "resposta automática", "resposta automatica", "automatisch antwoord", "automatische beantwoording",
        "automatiskt svar", "automatisk svar", "autosvar", "automaattinen vastaus", "odpowiedź automatyczna", "autoodpowiedź",
        "automatická odpověď", "automatická odpoveď", "automatikus válasz", "răspuns automat", "otomatik yanıt", "otomatik yanit",
        "αυτόματη απάντηση", "автоматический ответ", "автоответ", "автоматична відповідь", "автоматичен отговор", "automatski odgovor",
        "samodejni odgovor", "samodejno odgovori", "automatinis atsakymas", "automātiska atbilde", "automaatvastus",
        "resposta automàtica", "自動応答", "自动答复", "自動回覆", "自动回复", "自動返信", "자동 회신", "자동 응답", "ตอบกลับอัตโนมัติ",
        "การตอบกลับอัตโนมัติ", "trả lời tự động", "balasan otomatis", "balasan automatik", "رد تلقائي", "תשובה אוטומטית", "स्वचालित उत्तर",
        # other programs, and what people call theirs
        "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "autoresponder", "auto-responder",
        "auto responder", "automatic response", "automated reply", "automated response", "automatic email reply", "out of office",
        "out of the office", "out of office autoreply", "out of office auto-reply", "out of office reply", "out of office message",
        "out of office notification", "ooo", "vacation reply", "vacation notice", "on vacation",
        "abwesenheitsnotiz", "abwesenheitsnachricht", "abwesenheitsmeldung", "abwesenheitsagent", "abwesenheitsassistent",
        "automatische abwesenheitsnotiz", "urlaubsnotiz", "nicht im büro", "absence du bureau", "message d'absence",
        "message d’absence", "avis d'absence", "avis d’absence", "notification d'absence", "absent du bureau", "réponse automatique d'absence",
        "fuera de la oficina", "fuera de oficina", "mensaje de ausencia", "fuori ufficio", "fuori sede", "messaggio automatico",
        "ausência do escritório", "ausência temporária", "fora do escritório", "niet aanwezig", "afwezigheidsbericht", "afwezig",
        "afwezigheidsmelding", "buiten kantoor", "frånvaro", "frånvarande", "frånvaromeddelande", "fraværende", "ikke til stede",
        "fraværsmelding", "fraværsbesked", "poissa", "poissaoloilmoitus", "poza biurem", "nieobecność w biurze", "mimo kancelář",
        "v nepřítomnosti", "nepřítomnost", "mimo kancelárie", "házon kívül", "irodán kívül", "в отпуске", "нет на работе",
        "отсутствие на работе", "ofis dışında", "不在通知", "不在のお知らせ", "外出通知", "休假自动回复", "부재 중", "부재중",
    }
)  # fmt: skip
"""What stands before the colon of an automatic answer's subject, or is all of it, in lower case."""

UNDELIVERABLE = frozenset(
    {
        "undeliverable", "undelivered", "unzustellbar", "non remis", "échec de la remise", "no se puede entregar", "no se pudo entregar",
        "no entregado", "non recapitabile", "recapito non riuscito", "impossibile recapitare", "não é possível entregar", "não entregue",
        "não foi possível entregar", "onbestelbaar", "niet bezorgd", "kan niet worden bezorgd", "det går inte att leverera", "ej levererat",
        "kunne ikke leveres", "kan ikke leveres", "ikke leveret", "ikke levert", "uleverbart", "ei voi toimittaa", "ei voitu toimittaa",
        "toimitus epäonnistui", "nie można dostarczyć", "nie dostarczono", "niedostarczone", "nedoručitelné", "nedoručené", "nedoručiteľné",
        "nelze doručit", "kézbesíthetetlen", "nem kézbesíthető", "imposibil de livrat", "nelivrat", "nelivrabil", "teslim edilemedi",
        "teslim edilemiyor", "δεν είναι δυνατή η παράδοση", "μη παραδοτέο", "не удалось доставить", "недоставлено", "невозможно доставить",
        "не вдалося доставити", "не може да се достави", "ne može se isporučiti", "neisporučivo", "ni mogoče dostaviti", "nedostavljivo",
        "配信不能", "配信不可", "未送达", "无法送达", "無法傳遞", "未傳遞", "系统退信", "退信通知", "来自qq.com的退信", "배달되지 않음", "배달할 수 없음",
        "לא ניתן למסור", "غير قابل للتسليم", "تعذر التسليم", "ส่งไม่ได้", "không thể gửi", "tidak dapat dikirim",
    }
)  # fmt: skip
"""What Exchange puts before a non-delivery report's subject, and what says the same of mail only, in lower case."""

NOT_DELIVERED = frozenset(
    {
        "unzustellbare nachricht", "zustellung fehlgeschlagen", "nachricht unzustellbar", "email unzustellbar", "e-mail unzustellbar",
        "zustellfehler", "benachrichtigung zum übermittlungsstatus (fehlgeschlagen)", "fehler bei der zustellung",
        "notification d'échec de remise", "échec de livraison", "message non distribué", "mensaje no entregado", "error de entrega",
        "messaggio non recapitato", "mancata consegna", "avviso di mancata consegna", "falha na entrega", "mensagem não entregue",
        "недоставленное сообщение", "недоставленное письмо", "недоставленная почта", "ошибка доставки", "сообщение не доставлено",
        "宛先不明", "メール配信エラー", "メールが配信できません", "wiadomość niedoręczona", "zwrot wiadomości",
        "onbestelbaar bericht", "olevererbart meddelande", "delivery failure", "delivery delayed", "nondeliverable mail",
    }
)  # fmt: skip
"""What other mail servers put there, and carriers of parcels, too."""

ABOUT_MAIL = re.compile(
    r"(?:message|e-?mails?|mail) (?:to\b|with subject|(?:that )?you (?:sent|have sent)|could|can ?not|can't|was not|wasn't|has not|is being|not )"
    r"|\bsmtp\b|mail ?(?:server|system|er)|\b[245]\.\d{1,3}\.\d{1,3}\b|\b5[05]\d[ -]|user unknown|unknown (?:user|recipient)"
    r"|(?:nachricht|e-?mail|mail) konnte|votre (?:message|courriel|e-?mail)|su (?:mensaje|correo)|mensaje no|(?:nel|il) messaggio"
    r"|(?:sua|a) mensagem|uw bericht|wiadomoś|zpráv|správ|письм|сообщени|メール|メッセージ|邮件|郵件|메일|메시지",
    re.IGNORECASE,
)
"""What a text says that is about a mail, not about a parcel."""

DELIVERY_FAILED = re.compile(
    r"could ?n[o']t be delivered|(?:was|were|is|are|been) not delivered|wasn't delivered|not able to deliver|unable to deliver"
    r"|cannot be delivered|can ?not deliver|could not deliver|delivery (?:to the following|has failed|failed|failure|attempt)|did not reach"
    r"|undeliver(?:able|ed)|unknown (?:user|recipient|address)|user unknown|no such (?:user|recipient|address|mailbox)|mailbox (?:is full|full"
    r"|unavailable|not found|unknown)|over quota|quota exceeded|postponed due to|(?:message|mail) (?:has been|was) (?:rejected|returned|refused)"
    r"|recipients? (?:address )?(?:rejected|not found|unknown|failed)|does not (?:exist|have an account)|returned to (?:you|sender)"
    r"|permanent (?:fatal )?error|temporarily (?:un|de)|not yet been delivered|will be retried|final-recipient|rcpt to:|smtp error"
    r"|[245]\d\d[ -]#?[45]\.\d{1,3}\.\d|nicht zugestellt|unzustellbar|zustellung (?:ist )?fehlgeschlagen|empfänger unbekannt"
    r"|n'a pas pu être|n'ont pas pu|non distribué|non remis|no (?:se )?pudo (?:ser )?entreg|no se ha podido entregar|no ha sido entregado"
    r"|non (?:è stato|può essere|e' stato) (?:recapitat|consegnat)|impossibile recapitare|não (?:pôde|pode|foi) (?:ser )?entreg|kon niet worden"
    r"|kunde inte levereras|kunne ikke leveres|ei voitu toimittaa|nie (?:można|mogła|została) dostarcz|nelze doručit|nebyl[ao]? doručen"
    r"|не (?:может|могло|было|удалось) (?:быть )?достав|не доставлено|配信できません|配信不能|届けできません|送信できません|宛先が見つかりません"
    r"|无法(?:投递|送达|发送)|退信|投递失败|배달(?:할 수|되지)|teslim edilemedi|nem (?:sikerült|lehetett) kézbesít",
    re.IGNORECASE,
)
"""What a mail server writes when it could not deliver; a person could write some of it, so it is never proof alone."""
