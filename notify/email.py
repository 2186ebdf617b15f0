"""Notices by email: through a relay (RFC 5321), or into the outbox folder where there is none."""

import contextlib
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from config.desk import About
from config.model import Address, MissingSecretError, Model, Secret
from notify.folder import Folder
from notify.mail import envelope_sender, message_id, render
from notify.mime import bare
from notify.note import Note, one_line
from notify.signature import Dkim, Signer
from tickets.reply_address import host
from tickets.trouble import Permanent, Temporary, no_mailbox

__all__ = ["Config", "Email", "render", "start"]

STEP_SECONDS = 10
"""How long any answer of the relay may take before the mail's text is handed over."""

OPENING_SECONDS = 15
"""How long the steps up to the envelope may take together; all in all it stays within the lease of a delivery."""

END_SECONDS = 15
"""How long the relay may take to answer the text; giving up here may send the mail twice (RFC 5321, 6.1)."""

IDLE_SECONDS = 60
"""A connection that was not used for so long is not used again: relays close theirs after a minute or a few."""

MOST_KEPT = 8
"""So many connections are kept open for the next mails; the rest are closed after theirs."""

GOING_AWAY = 421
"""What a relay says before it closes a connection, also one it merely finds too old (RFC 5321, 3.8)."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail goes: `tls` from the first byte, or `starttls` before anything else is said."""

    host: str
    port: int
    user: str | None
    tls: bool
    starttls: bool


def relay_of(url: str) -> Relay:
    """Return the relay a URL names: `smtp://`, `smtp+starttls://` or `smtps://`, `[user@]host[:port]`; raises `ValueError`."""
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    if parts.scheme not in ports or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("a relay is written as smtp://[user@]host[:port], smtp+starttls://… or smtps://…")
    if parts.password is not None:
        raise ValueError("the relay's password is written as a reference, `password: env:NAME`, not in its URL")
    user = unquote(parts.username) if parts.username else None
    return Relay(
        parts.hostname,
        parts.port or ports[parts.scheme],
        user,
        parts.scheme == "smtps",
        parts.scheme == "smtp+starttls",
    )


def _relay_url(url: str) -> str:
    relay_of(url)
    return url


def _sendable(address: str) -> str:
    try:
        return bare(address)
    except Permanent as error:
        raise ValueError(str(error)) from error


class Config(Model):
    """`notifiers: email:` the relay notices go through, and the address they come from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    relay: Annotated[str, AfterValidator(_relay_url)] | None = Field(
        default=None,
        description="smtp://[user@]host[:port], smtp+starttls://… or smtps://…; without it notices lie in the outbox folder",
    )
    password: Secret | None = Field(default=None, description="the relay's password, for the user in its URL")
    sender: Annotated[Address, AfterValidator(_sendable)] | None = Field(
        default=None, alias="from", description="the From address; else desk@<desk domain>"
    )
    dkim: Dkim | None = Field(default=None, description="signs every mail (DKIM); else the relay may")

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        user = relay_of(self.relay).user if self.relay else None
        if (user is None) != (self.password is None):
            raise ValueError("a relay's user (in its URL) and its `password` go together")
        return self


def start(config: Model | None, _about: About, folder: Path) -> "Email | Folder":
    """Return the notifier: over the relay, or into the folder where the desk file names none."""
    config = config if isinstance(config, Config) else Config()
    if config.relay is None:
        return Folder(folder, "email", ".eml", partial(render, sender=config.sender), "no relay set")
    return Email(config)


class Email:
    """Sends through one relay: as many connections as threads send at once, a few of them kept open for the next mails."""

    def __init__(self, config: Config) -> None:
        if config.relay is None:
            raise ValueError("there is no relay to send through")
        self._relay = relay_of(config.relay)
        self._url = config.relay
        self._password = config.password
        self._sender = config.sender
        self._signer = Signer(config.dkim) if config.dkim else None
        self._idle: list[tuple[float, smtplib.SMTP]] = []
        self._lock = threading.Lock()
        self._closed = False

    def send(self, note: Note) -> str:
        """Hand the note to the relay and return its Message-ID.

        Raises `Permanent` when the relay refuses this sender, recipient or mail for good (5xx), about the way itself when there
        is no such mailbox; else `Temporary`: 4xx, no connection, no TLS where it is required, a refused password, a key that
        cannot sign, no answer in time. A kept-open connection that
        has gone away is replaced once. When it breaks while the text is under way the mail may go out twice, with the
        same Message-ID.
        """
        self.post(note.key, envelope_sender(note, self._sender), note.address, render(note, self._sender), note.domain)
        return f"<{message_id(note)}>"

    def post(self, name: str, sender: str, recipient: str, raw: bytes, domain: str) -> None:  # noqa: ARG002  # see `Post`
        """Hand a mail over to the relay for one recipient; raises like `send`. We call ourselves by the desk's `domain`."""
        raw = self._signer.signed(raw) if self._signer else raw
        raw = re.sub(rb"(?m)^\.", b"..", raw)  # RFC 5321, 4.5.2
        sender, recipient = bare(sender), bare(recipient)
        deadline = time.monotonic() + OPENING_SECONDS
        with _told(self._url):
            smtp = self._kept(sender, recipient) or self._fresh(host(domain), sender, recipient)
            with self._cared(smtp):
                if time.monotonic() > deadline:
                    raise Temporary("too slow")
                _expect(354, *smtp.docmd("DATA"))
                _wait(smtp, END_SECONDS)
                smtp.send(raw + b".\r\n")
                _expect(250, *smtp.getreply())
                _wait(smtp, STEP_SECONDS)
            self._keep(smtp)

    def describe(self) -> str:
        """Return the relay and how the way there is protected."""
        relay = self._relay
        how = "TLS" if relay.tls else "STARTTLS" if relay.starttls or self._password else "STARTTLS where offered"
        return f"email → {self._url} ({how})"

    def close(self) -> None:
        """Say goodbye on the connections kept open; those in use are closed after their mail."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, smtp in idle:
            _leave(smtp)

    def _kept(self, sender: str, recipient: str) -> smtplib.SMTP | None:
        """Return a kept-open connection that has taken the envelope, or nothing when there is none alive."""
        now = time.monotonic()
        with self._lock:
            stale = [smtp for since, smtp in self._idle if now - since >= IDLE_SECONDS]
            self._idle = [one for one in self._idle if now - one[0] < IDLE_SECONDS]
            smtp = self._idle.pop()[1] if self._idle else None
        for one in stale:
            _leave(one, wait=False)
        if smtp is None:
            return None
        try:
            with self._cared(smtp):
                _envelope(smtp, sender, recipient)
        except OSError:
            return None
        except _RefusedError as refused:
            if refused.code == GOING_AWAY:
                return None
            raise
        return smtp

    def _fresh(self, name: str, sender: str, recipient: str) -> smtplib.SMTP:
        """Return a new connection that is secured, signed in and has taken the envelope; we call ourselves `name`."""
        relay = self._relay
        if relay.tls:
            tls = ssl.create_default_context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(relay.host, relay.port, name, timeout=STEP_SECONDS, context=tls)
        else:
            smtp = smtplib.SMTP(relay.host, relay.port, name, timeout=STEP_SECONDS)
        with self._cared(smtp):
            smtp.ehlo_or_helo_if_needed()
            if not relay.tls:
                self._secure(smtp)
            if relay.user and self._password:
                smtp.login(relay.user, self._password.reveal())
            _envelope(smtp, sender, recipient)
        return smtp

    def _secure(self, smtp: smtplib.SMTP) -> None:
        context = ssl.create_default_context()
        if not self._relay.starttls and not self._password:
            if not smtp.has_extn("starttls"):
                return
            # Whoever can fake a certificate here can also hide STARTTLS: any TLS is better than none (RFC 7435).
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        smtp.starttls(context=context)
        smtp.ehlo()

    def _keep(self, smtp: smtplib.SMTP) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < MOST_KEPT:
                self._idle.append((time.monotonic(), smtp))
                return
        _leave(smtp, wait=False)

    @contextlib.contextmanager
    def _cared(self, smtp: smtplib.SMTP) -> Iterator[None]:
        """Whatever ends the block early: keep the connection after a plain refusal, else close it."""
        try:
            yield
        except _RefusedError as refused:
            try:
                if refused.code == GOING_AWAY or smtp.rset()[0] != 250:
                    raise smtplib.SMTPServerDisconnected("unusable")
            except OSError:
                smtp.close()
            else:
                self._keep(smtp)
            raise
        except BaseException:
            smtp.close()
            raise


class _RefusedError(Exception):
    """The relay's answer to a mail, an envelope or a text, that is not yes; `about_sender` when it is one to MAIL."""

    def __init__(self, code: int, words: str, *, about_sender: bool = False) -> None:
        super().__init__(words)
        self.code = code
        self.about_sender = about_sender

    @property
    def no_mailbox(self) -> bool:
        """Whether there is no such mailbox to send anything to."""
        return not self.about_sender and no_mailbox(str(self).partition(" ")[0])


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    """Tell the relay's trouble as `Temporary` or `Permanent`; only a 5xx about this very mail is for good."""
    try:
        yield
    except _RefusedError as refused:
        words = f"the relay {url} says {refused.code} {refused}"
        if 500 <= refused.code <= 599:
            raise Permanent(words, way=refused.no_mailbox) from refused
        raise Temporary(words) from refused
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode("utf-8", "replace")
        raise Temporary(f"the relay {url} says {error.smtp_code} {one_line(words)[:300]}") from error
    except MissingSecretError as error:
        raise Temporary(f"the password of the relay {url}: {error}") from error
    except Temporary as error:
        raise Temporary(f"the relay {url} is {error}") from error
    except OSError as error:
        raise Temporary(f"the relay {url}: {one_line(str(error))[:300] or type(error).__name__}") from error


def _envelope(smtp: smtplib.SMTP, sender: str, recipient: str) -> None:
    _expect(250, *smtp.mail(sender), about_sender=True)
    _expect(250, *smtp.rcpt(recipient))


def _expect(wanted: int, code: int, words: bytes, *, about_sender: bool = False) -> None:
    if code != wanted and not (wanted == 250 and code == 251):  # 251: will forward
        raise _RefusedError(code, one_line(words.decode("utf-8", "replace"))[:300], about_sender=about_sender)


def _wait(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _leave(smtp: smtplib.SMTP, *, wait: bool = True) -> None:
    _wait(smtp, 1)
    with contextlib.suppress(OSError):
        if wait:
            smtp.quit()
        else:
            smtp.putcmd("quit")
    smtp.close()
