"""Whether a mail to a notice's reply address is done: every check in its order, each with the words why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.desk import Agent, Desk
from ingest.mail.headers import Headers, parameters, split, start
from ingest.mail.parts import media_type
from ingest.mail.trust import sender_domain
from router.by_mail.tokens import Told
from router.reading import Reading

LIVES_DAYS: Final = 180
"""How long after its notice was decided a reply address may be used."""

CLOCKS_APART: Final = 3_600.0
"""So many seconds an agent's clock may be behind."""

_ONCE: Final = ("to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "content-type")
_AUTOMATIC: Final = ("x-autoreply", "x-autorespond", "x-frontdesk-loop")
_PRECEDENCES: Final = frozenset({"auto_reply", "auto-reply", "bulk", "junk", "list"})


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that names reply addresses of notices: `told` are those that are genuine, of `named` in all."""

    row: Any
    reading: Reading
    headers: Headers
    told: Sequence[Told]
    named: int
    desk: Desk
    now: float

    @property
    def agent(self) -> Agent | None:
        """Whose reply address it is, when it is one agent's and they are in the desk file."""
        [*whose] = {one.agent for one in self.told}
        return self.desk.agents_by_id.get(whose[0]) if len(whose) == 1 else None

    @property
    def writer(self) -> str:
        """The address in From, also of a mail that is forwarded."""
        agent = self.reading.agent
        sender = self.reading.message.sender.id
        return agent.email if agent and self.reading.forwarded else sender


def headers_of(raw: bytes) -> Headers:
    """Return the header block of a mail."""
    return split(raw, start(raw), len(raw))[0]


def refusal(mail: Mail) -> str | None:
    """Return in words why a mail is not done, by the first check it fails, or nothing. Pure."""
    return next((words for check in CHECKS if (words := check(mail)) is not None), None)


def automatic(mail: Mail) -> str | None:
    """Return why it is a program's mail: it is neither done nor answered (RFC 3834, 2)."""
    headers, kind = mail.headers, mail.reading.message.kind
    if kind != "message":
        return f"it is automatic or of a list ({kind.replace('_', ' ')})"
    submitted = next((word for word in _words(headers, "auto-submitted") if word not in ("", "no")), None)
    meta = mail.reading.meta
    null_path = meta.get("type") == "smtp" and meta.get("peer") and not meta.get("mail_from")  # a pipe may not say it
    if null_path or headers.raw("return-path").replace(b" ", b"") == b"<>":
        return "it has no return path, like an automatic mail"
    if submitted is not None:
        return f"it says that it is automatic (Auto-Submitted: {submitted[:40]})"
    if _PRECEDENCES.intersection(_words(headers, "precedence")) or any(name in headers for name in _AUTOMATIC):
        return "it says that it is automatic"
    if media_type(headers) == "multipart/report" or "report-type" in parameters(headers.plain("content-type")):
        return "it is a report of a mail system"
    return None


def _genuine(mail: Mail) -> str | None:
    if not mail.told:
        return "no reply address in it is genuine: it was altered or made up, or its agent has made all older ones worthless"
    return None


def _one(mail: Mail) -> str | None:
    if len(mail.told) > 1:
        return "it names the reply addresses of several notices. Reply to one of them"
    if mail.named > 1:
        return "it names a reply address that is not genuine besides. Reply to one notice"
    return None


def _of_an_agent(mail: Mail) -> str | None:
    if mail.told[0].notifier != "email":
        return "its reply address is not that of a mail"
    if mail.agent is None:
        return f"{mail.told[0].agent} is no agent of the desk file any more"
    return None


def _fresh(mail: Mail) -> str | None:
    if mail.now - mail.told[0].created_at > LIVES_DAYS * 86_400:
        return f"the notice is older than {LIVES_DAYS} days"
    return None


def _one_from(mail: Mail) -> str | None:
    return sender_domain(mail.headers)[1] or None


def _once_each(mail: Mail) -> str | None:
    """Refuse a header line that was written above a signed one of the same name (RFC 6376, 8.15)."""
    twice = next((name for name in _ONCE if len(mail.headers.every(name)) > 1), None)
    return f"it has two {twice} headers, and a mail has one (RFC 5322, 3.6)" if twice else None


def _written_since(mail: Mail) -> str | None:
    """Refuse an older mail of the agent that somebody sends again to the address of a notice."""
    sent = mail.reading.message.sent_at
    if sent is None or sent.timestamp() < mail.told[0].created_at - CLOCKS_APART:
        return "by its Date it was written before the notice"
    return None


def _theirs(mail: Mail) -> str | None:
    if mail.desk.agents_by_address.get(mail.writer) is not mail.agent:
        return f"it comes from {mail.writer or 'nobody'}, and that is none of the addresses the desk file has for the agent"
    return None


def _proven(mail: Mail) -> str | None:
    trust = mail.reading.trust
    if trust is None:
        return (
            f"the channel {mail.row.channel} has no `trust` in the desk file, so nobody knows whether it is really from "
            f"{mail.writer}. An administrator can set it"
        )
    if trust.authentic is not True or mail.reading.agent is not mail.agent:
        return f"it is not proven that it is from {mail.writer} ({trust.because})"
    return None


def _a_reply(mail: Mail) -> str | None:
    return "it is a forwarded mail. Reply to the notice" if mail.reading.forwarded else None


CHECKS: Final[tuple[Callable[[Mail], str | None], ...]] = (
    _genuine, automatic, _one, _of_an_agent, _fresh, _one_from, _theirs, _proven, _once_each, _written_since, _a_reply,
)  # fmt: skip
"""In this order: what says most comes first, and whoever is no agent learns nothing of a ticket."""


def _words(headers: Headers, name: str) -> list[str]:
    """Return the words of every header of that name: whoever writes two of them means either."""
    values = (value.decode("latin-1") for value in headers.every(name))
    return [value.partition(";")[0].partition("(")[0].strip().lower() for value in values]
