"""The notice of a mail server that reports in words only: who is named in it, and what was answered.

There are as many forms as there are servers; what they share is that the recipient stands at the beginning or the end of a
line, before a colon, or behind a few words, and that the lost mail follows below a line that says so.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

MAX_LINES = 300
MAX_LINE = 500
MAX_RECIPIENTS = 50

_A = r"([^\s<>()\[\],;:\"'`|@=\uff1a]{1,64}@[^\s<>()\[\],;:\"'`|@=\uff1a]{1,255}[^\s<>()\[\],;:\"'`|@=\uff1a.!?])"
_ADDRESS = re.compile(rf"(?<![^\s<>()\[\],;:\"'`|@=\uff1a]){_A}")
# The line below which the lost mail stands. Its own To and From must not be taken for failed recipients.
_BELOW = re.compile(
    r"[\s\-_*=>#]{0,80}(?:(?:this is|below this line is|enclosed is|here is|following is) (?:a |the )?(?:copy|original|returned|message)"
    r"|(?:the )?(?:original|unsent|returned|rejected|your|undelivered) (?:message|mail|e-?mail)(?: (?:follows|below|headers?|body|text|attached))"
    r"|(?:the )?headers? of the (?:original|message)|message headers? follow|original[- ]message\b|(?:start of )?returned message"
    r"|forwarded message|message text follows|unsent message|transcript of message|copy of your message|included is a copy"
    r"|---- ?message|ursprüngliche nachricht|der header der originalen? nachricht|in-reply-to:|received: (?:from|by|\()|return-path:"
    r"|content-type: message/|message-id:|x-mailer:|mime-version:|元のメッセージ|原始邮件|以下は)",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"[\s*\-\u2022>]{{0,8}}<?{_A}>?\s*(?:\(.{{0,100}}\))?\s*$")
_LEADS = re.compile(
    rf"[\s*\-]{{0,8}}(?:\d{{3}} (?:\d\.\d{{1,3}}\.\d{{1,3}} )?|[a-z]{{1,9}}=[^@]{{1,200}}(?i:smtp)=)?[<\[]?{_A}[>\]]?(?:\s*\((?:expanded|generated|reason|ultimately).{{0,100}}\))?"
    r"(?:\.\.\.|\s*:|\s+on (?:\w{3}, )?\d|;\s+on\b|\s+\((?:#|\d|unrecoverable|deferred)|,?\s+[45]\d\d[ -]|\s+-\s|\s+(?:unknown|is not|was not|has exceeded))"
)
_BEHIND = re.compile(
    rf"(?:rcpt to:|(?:failed |intended |final-|original-|final |original )?(?:recipient|empfänger|destinat\w{{2,8}}|адресат\w?)s?(?: address| e-?mail)?[ :\uff1a=]"
    rf"|(?:to|for|user|address|addresses|mailbox|account|an|à|a|para|naar|til|do|to the following recipients?|不達|宛先)(?: is| are| was)?[:\uff1a\s]"
    rf"|could not (?:deliver|be sent)(?: mail)? to|unknown(?: or illegal)?(?: local|remote)? (?:user|recipient|address|alias)[ :=]|no such (?:user|recipient|address)[ :(]"
    rf"|verloren:|send(?:ing)? to)\s{{0,3}}['\"]?<?(?:smtp:|mailto:)?{_A}",
    re.IGNORECASE,
)
_FORMER = re.compile(rf"\((?:expanded|generated) from:?\s+<?{_A}")
_ANSWER = re.compile(r"(?<![\d.#])#?(?:[45]\d\d[ -]#?(?:[45]\.\d{1,3}\.\d{1,3}\b)?|[45]\.\d{1,3}\.\d{1,3}\b)")
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_LATE = re.compile(
    r"not yet been delivered|will (?:be retried|keep trying|continue to (?:try|be))|(?:still|keep) (?:trying|being tried)|is delayed"
    r"|has been delayed|delivery (?:temporarily )?delayed|(?:been|is) postponed|warning message only|do not need to resend|don't need to resend|verzögert|a été retardé"
    r"|配信が遅れて|暂时无法",
    re.IGNORECASE,
)
_SERVERS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon)@", re.IGNORECASE)


class Notice(NamedTuple):
    """Whom the words name, the status code (RFC 3463) and the answer in one line, and whether they only tell of a delay."""

    recipients: tuple[str, ...]
    status: str
    diagnostic: str
    late: bool


def read_notice(text: str, ours: Collection[str] = ()) -> Notice:
    """Return what the words above the lost mail say; `ours` are addresses it was returned to, no recipients of it.

    Looks at `MAX_LINES` lines of at most `MAX_LINE` characters; never raises.
    """
    lines = [line[:MAX_LINE] for line in text[: MAX_LINES * MAX_LINE].split("\n")[:MAX_LINES]]
    end = next((at for at, line in enumerate(lines) if at and _BELOW.match(line)), len(lines))
    said = [line for line in lines[:end] if line.strip()]
    found = dict.fromkeys(address.lower() for address in _named(said))
    former = [match[1].lower() for line in said if (match := _FORMER.search(line))]  # what an alias was written to as
    recipients = [one for one in dict.fromkeys([*former, *found]) if one not in ours and not _SERVERS.match(one)]
    diagnostic = _diagnostic(said, recipients[0] if recipients else "")
    status = _STATUS.search(diagnostic) or next((match for line in said if (match := _STATUS.search(line))), None)
    late = any(_LATE.search(line) for line in said)
    return Notice(tuple(recipients[:MAX_RECIPIENTS]), status[1] if status else "", diagnostic, late)


def _named(lines: list[str]) -> list[str]:
    """Return the addresses by the strongest form that occurs: at the beginning of a line, behind a word, anywhere once."""
    for form in (_ALONE, _LEADS):
        if found := [match[1] for line in lines if "@" in line and (match := form.match(line))]:
            return found
    if found := [match[1] for line in lines if "@" in line for match in _BEHIND.finditer(line)]:
        return found
    anywhere = dict.fromkeys(address.lower() for line in lines if "@" in line for address in _ADDRESS.findall(line))
    return list(anywhere) if len(anywhere) == 1 else []


def _diagnostic(lines: list[str], recipient: str) -> str:
    """Return the line with the remote server's answer and what continues it, else what stands behind the recipient."""
    for at, line in enumerate(lines):
        if match := _ANSWER.search(line):
            return _joined([line[match.start() :], *_continued(lines, at)])
    for at, line in enumerate(lines):
        if recipient and recipient in line.lower():
            behind = line[line.lower().index(recipient) + len(recipient) :].strip(" >:.\t-()'\"")
            return _joined([behind, *lines[at + 1 : at + 3]] if not behind else [behind])
    return ""


def _continued(lines: list[str], at: int) -> Iterator[str]:
    """Yield the lines below that continue one: they are indented as it is, and name nobody else."""
    for line in lines[at + 1 : at + 4]:
        if not line.startswith((" ", "\t")) or "@" in line:
            return
        yield line


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
