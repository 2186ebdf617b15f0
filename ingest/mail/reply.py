"""What somebody newly wrote in an answer, without the quoted mail below it and the signature.

Mail clients agree on nothing here (RFC 3676 says only what `>` and `-- ` are), so this cuts where it is sure and otherwise
keeps everything: too much to read costs an agent a moment, a lost sentence costs a customer. Every line is looked at a
fixed number of times, and no pattern sees more than a few hundred characters.
"""

import re

_MAX_SIGNATURE = 15
_INTRO_LINES = 4
_COLONS = (":", "\uff1a")
_MAX_INTROS = 100
_MAX_LINES = 20_000

# How the line above a quotation begins and ends, in the languages whose clients write one.
_INTRO = re.compile(
    r"^(?:"
    r"(?:on|il giorno|il|le|el|em|a|am|den|op|på|dne|dňa|w dniu|dnia|pe|at)\b.{5,400}"
    r"(?:wrote|writes|ha scritto|a écrit|escribió|escreveu|schrieb.{0,120}|skrev.{0,120}|schreef.{0,120}|napsala?|napsal\(a\)|napísala?"
    r"|napísal\(a\)|napisała?|napisał\(a\)|pisze|kirjoitti|a scris|wrote the following)"
    r"|.{3,300}(?:wrote|schrieb|ha scritto|a écrit|escribió|escreveu|написала?|пишет|skrev|schreef)"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.{0,200}[<(]\S{1,200}@\S{1,200}[>)]"
    r")\s{0,3}[:\uff1a]$",
    re.IGNORECASE,
)
_INTRO_BEGINS = re.compile(
    r"^(?:on|il giorno|il|le|el|em|a|am|den|op|på|dne|dňa|w dniu|dnia|pe|at|\d{4}[-/.])\b", re.IGNORECASE
)
_TIME = re.compile(r"\d[.:h]\d\d")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ORIGINAL = re.compile(
    r"^[\s*_]{0,9}-{2,}\s{0,5}(?:original message|original appointment|ursprüngliche nachricht|originalnachricht|message d'origine"
    r"|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|původní zpráva"
    r"|pôvodná správa|oryginalna wiadomość|wiadomość oryginalna|ursprungligt meddelande|oprindelig meddelelse"
    r"|исходное сообщение|reply message|original mail)\s{0,5}-*[\s*_]{0,9}$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"^[\s>]{0,9}-{2,}\s{0,5}(?:forwarded|weitergeleitete|message transféré|mensaje reenviado|messaggio inoltrato|begin forwarded)"
    r"|^\s{0,5}begin forwarded message\s{0,3}:",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"^[\W_]{0,40}(?:please )?(?:type your )?reply above this line[\W_]{0,40}$", re.IGNORECASE)
_FROM = re.compile(r"^[\s*]{0,4}(?:from|von|de|da|van|od|от|från|fra|lähettäjä)[\s*]{0,4}:[\s*]", re.IGNORECASE)
_SENT = re.compile(
    r"^[\s*]{0,4}(?:sent|date|gesendet|datum|envoyé(?: le)?|enviado(?: el| em)?|inviato|data|verzonden|odesláno|odoslané|wysłano"
    r"|fecha|дата|отправлено|skickat|sendt|lähetetty)[\s*]{0,4}:",
    re.IGNORECASE,
)
_TO_OR_SUBJECT = re.compile(
    r"^[\s*]{0,4}(?:to|an|à|para|a|aan|komu|pro|do|till|til|кому|vastaanottaja|subject|betreff|objet|asunto|oggetto"
    r"|assunto|onderwerp|předmět|predmet|temat|тема|ämne|emne|aihe)[\s*]{0,4}:",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"^(?:sent from (?:my|mail for|outlook for|yahoo)|get outlook for|gesendet von|envoyé de mon|enviado desde mi|inviato da)\b"
    r".{0,80}$",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """Return the newly written part of a message's text; all of it when that cannot be told for sure.

    Inline answers, answers below the quotation and forwarded mails stay. Linear in the length, never raises.
    """
    if text.count("\n") > _MAX_LINES:
        return text.strip()
    lines = _without_signature(text.split("\n"))
    cut = _quote_begins(lines)
    lines = _without_signature(lines[:cut]) if cut is not None else _answer_below(lines) or lines
    return "\n".join(lines).strip() or text.strip()


def _quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _without_signature(lines: list[str]) -> list[str]:
    """Leave out what follows the last `-- ` (RFC 3676, 4.3) if it is short, and a phone's own line."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for at in range(end - 1, max(end - 2 - _MAX_SIGNATURE, 0), -1):
        if lines[at].rstrip() == "--" and any(line.strip() for line in lines[:at]):
            if any(_quoted(line) for line in lines[at:end]):
                break
            return lines[:at]
    if end > 1 and len(lines[end - 1]) < 120 and _DEVICE.match(lines[end - 1].strip()):
        return lines[: end - 1]
    return lines


def _quote_begins(lines: list[str]) -> int | None:
    """Return the index of the line from which on everything is an older mail, None when that is not sure."""
    written = [bool(line.strip()) and not _quoted(line) for line in lines]
    last_written = max((at for at, own in enumerate(written) if own), default=-1)
    any_quoted = any(_quoted(line) for line in lines)
    something = False
    intros = 0
    for at, line in enumerate(lines):
        if not written[at]:
            if _quoted(line) and something and at > last_written:
                return at
            continue
        if len(line) < 500:
            if ("--" in line or ":" in line) and _FORWARDED.match(line):
                return None
            if something and _older_begins(lines, at):
                return _over_rule(lines, at)
            end = _intro_ends(lines, at) if something and intros < _MAX_INTROS else None
            if end is not None and (last_written <= end if any_quoted else _dated(" ".join(lines[at : end + 1]))):
                return at
            intros += end is not None
        something = True
    return None


def _older_begins(lines: list[str], at: int) -> bool:
    """Tell whether the line is one that programs put above an older mail."""
    line = lines[at]
    if "--" in line and (_ORIGINAL.match(line) or _ABOVE.match(line)):
        return True
    return (":" in line and _outlook(lines, at)) or ("above" in line and _ABOVE.match(line) is not None)


def _dated(intro: str) -> bool:
    """Tell whether a program wrote this line: a person's "On Monday she wrote:" has no year, time or address."""
    found = (_TIME.search(intro) is not None) + (_YEAR.search(intro) is not None) + ("@" in intro)
    return found >= 2


def _over_rule(lines: list[str], at: int) -> int:
    """Return where the cut begins when a rule of dashes or underscores stands above it."""
    above = at - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    rule = lines[above].strip()
    return above if above > 0 and len(rule) >= 3 and not rule.strip("_-*=") else at


def _outlook(lines: list[str], at: int) -> bool:
    """Tell whether a From: / Sent: / To: / Subject: block begins here."""
    if not _FROM.match(lines[at]):
        return False
    block = [line for line in lines[at + 1 : at + 9] if line.strip()][:5]
    return any(_SENT.match(line[:300]) for line in block) and any(_TO_OR_SUBJECT.match(line[:300]) for line in block)


def _intro_ends(lines: list[str], at: int) -> int | None:
    """Return the last line of an `On … wrote:` that begins at this line, None when none does."""
    if lines[at].rstrip().endswith(_COLONS) and _INTRO.match(lines[at].strip()):
        return at
    if not _INTRO_BEGINS.match(lines[at].strip()):
        return None
    joined = lines[at].strip()
    for end in range(at + 1, min(at + _INTRO_LINES, len(lines))):
        line = lines[end].strip()
        if not line or _quoted(line) or len(joined) + len(line) > 500:
            return None
        joined += f" {line}"
        if line.endswith(_COLONS):
            return end if _INTRO.match(joined) else None
    return None


def _answer_below(lines: list[str]) -> list[str] | None:
    """Return the answer when it stands wholly below one quotation; None when quotes and answers take turns."""
    at = next((place for place, line in enumerate(lines) if line.strip()), 0)
    intro = _intro_ends(lines, at) if len(lines[at]) < 500 else None
    at = intro + 1 if intro is not None else at
    while at < len(lines) and not lines[at].strip():
        at += 1
    first = at
    while at < len(lines) and (_quoted(lines[at]) or not lines[at].strip()):
        at += 1
    answer = lines[at:]
    if at == first or not answer or any(_quoted(line) for line in answer):
        return None
    return answer
