"""The labels mail programs put before the lines of a forwarded mail: From, Sent, To, Subject, in their languages."""

# ruff: noqa: RUF001  # letters of other alphabets are meant here

from typing import Literal

Label = Literal["from", "date", "to", "subject", "id", "other"]

_WORDS: dict[Label, tuple[str, ...]] = {
    "from": (
        "from", "von", "de", "da", "van", "od", "от", "от кого", "fra", "från", "lähettäjä", "kimden", "gönderen", "feladó", "küldő",
        "expéditeur", "remitente", "mittente", "remetente", "afzender", "nadawca", "odesílatel", "odosielateľ", "expeditor", "expeditorul", "отправитель", "de la", "šalje",
        "pošiljatelj", "від", "від кого", "从", "发件人", "寄件者", "寄件人", "差出人", "送信者", "送信元", "보낸 사람", "보낸사람", "발신자",
        "saatja", "no", "nuo", "dari", "pengirim", "từ", "người gửi", "จาก", "ผู้ส่ง", "מאת", "من", "از", "από", "absender", "sender",
    ),
    "date": (
        "sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "date d'envoi", "enviado", "enviado el", "enviado em", "enviada em",
        "enviada el", "fecha", "data", "inviato", "data/ora", "verzonden", "odesláno", "odoslané", "dátum", "elküldve", "küldve",
        "wysłano", "wysłane", "skickat", "sendt", "dato", "lähetetty", "päiväys", "päivämäärä", "pvm", "gönderildi", "tarih",
        "gönderme tarihi", "дата", "отправлено", "дата отправки", "надіслано", "відправлено", "gönderilen", "发送时间", "发送日期", "日期", "时间", "傳送時間",
        "寄件日期", "傳送日期", "送信日時", "日時", "日付", "送信日", "보낸 날짜", "보낸날짜", "날짜", "trimis", "dată", "ημερομηνία",
        "στάλθηκε", "נשלח", "תאריך", "تاريخ", "التاريخ", "تاريخ الإرسال", "تم الإرسال", "tanggal", "dikirim", "ngày", "đã gửi", "gửi",
        "วันที่", "ส่ง", "kuupäev", "saadetud", "poslano", "изпратено", "datums", "nosūtīts", "išsiųsta",
    ),
    "to": (
        "to", "an", "à", "a", "para", "aan", "komu", "do", "dla", "till", "til", "vastaanottaja", "kime", "alıcı", "кому", "címzett",
        "destinataire", "destinatarul", "adresat", "pour", "pre", "destinatario", "destinatário", "către", "catre", "prima", "za", "收件人", "收件者", "宛先", "送信先", "받는 사람",
        "받는사람", "수신자", "προς", "אל", "إلى", "إلي", "kepada", "đến", "tới", "ถึง", "saaja", "kam", "kome", "empfänger",
    ),
    "subject": (
        "subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "předmět", "predmet", "temat", "тема", "ämne",
        "emne", "aihe", "otsikko", "konu", "tárgy", "subiect", "subiectul", "sujet", "naslov", "zadeva", "主题", "主旨", "主題", "标题", "件名", "제목", "θέμα",
        "נושא", "הנדון", "الموضوع", "subjek", "perihal", "chủ đề", "tiêu đề", "เรื่อง", "หัวเรื่อง", "teema", "temats", "tema", "относно",
    ),
    "id": ("message-id", "nachrichten-id"),
    "other": (
        "cc", "bcc", "kopie", "copie", "copie à", "kopia", "kopi", "cópia", "copia", "másolat", "копия", "копія", "抄送", "副本", "참조",
        "reply-to", "antwort an", "répondre à", "responder a", "rispondi a", "importance", "wichtigkeit", "priority", "priorität",
        "attachments", "anlagen", "pièces jointes", "datos adjuntos", "allegati", "anhänge", "resent-from", "newsgroups", "organization",
        "return-path", "delivered-to", "mime-version", "content-type", "x-mailer", "copy to", "kópia", "kopio", "dw", "másolatot kap", "bilgi", "kopie (cc)", "válaszcím", "odpowiedź-do",
        "antwoord aan", "svara till", "svar til", "odpověď na", "vastaus", "yanıt adresi", "ответ-кому", "odgovori na", "răspuns către",
    ),
}  # fmt: skip

LABELS: dict[str, Label] = {word: label for label, words in _WORDS.items() for word in words}
"""Every label in lower case and what it stands for."""
