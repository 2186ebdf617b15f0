"""The word a mail program puts before a subject: Re:, Fwd:, Automatic reply:, Undeliverable: and their translations."""

import re

_TAGS = re.compile(r"(?:\s*+\[[^\]:]{1,50}\])*+[\s\[]*+")
_ENDS = re.compile(r"\s*+[:\uff1a]|\s++[-\u2013\u2014]\s|[\s\]]*+\Z")
_COUNT = re.compile(r"\s*+[\[(]\d{1,3}[\])]\Z")

FORWARDS = frozenset(
    {
        "fw", "fwd", "forward", "forwarded", "wg", "weitergeleitet", "tr", "rv", "reenv", "reenviado", "renv", "enc", "i", "inoltra",
        "inoltrato", "doorst", "dv", "vs", "vb", "vl", "videresend", "videresendt", "vidarebefordrat", "pd", "podaj", "předáno",
        "přeposláno", "preposlané", "továbbítás", "továbbítva", "redir", "redir.", "ilt", "i̇lt", "yönl", "пересл",
        "переслано", "fwd.", "trans", "encaminhada", "prosl", "proslijeđeno", "preusm", "πρθ", "προωθ", "edasi", "pārs", "persiųsta",
        "转发", "轉寄", "轉發", "転送", "전달", "हस्तांतरित", "إعادة توجيه", "הועבר", "diteruskan", "chuyển tiếp", "ส่งต่อ",
    }
)  # fmt: skip
"""What stands before the subject of a mail that was forwarded by hand, in lower case."""

ANSWERS = frozenset(
    {
        "re", "aw", "antw", "antwort", "sv", "svar", "vá", "válasz", "odp", "res", "resp", "rif", "ris", "r", "rép", "ref", "bls", "ynt",
        "yan", "отв", "отг", "ha", "на", "ответ", "відп", "σχετ", "απ", "atb", "vast", "回复", "答复", "回覆", "返信", "회신", "tl", "hth",
        "trả lời", "رد", "השב", "ตอบ", "balas",
    }
)  # fmt: skip
"""What stands before the subject of an answer, in lower case."""


def opening(subject: str) -> str:
    """Return what stands before the first colon or dash of a subject, in lower case; all of one without them.

    Tags of lists and gateways in front (`[support]`, `[EXTERNAL]`) and a count (`Re[2]:`) are left out; at most 80 characters
    are looked at.
    """
    start = _TAGS.match(subject)
    head = subject[start.end() if start else 0 :][:80]
    return _COUNT.sub("", _ENDS.split(head, maxsplit=1)[0]).strip().lower()
