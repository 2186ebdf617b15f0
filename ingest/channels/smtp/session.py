"""What is said on a connection: SMTP's and LMTP's commands and their answers."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from config.model import MissingSecretError
from ingest.channels.smtp.auth import BrokenAnswer, decoded, read_login, right_password
from ingest.channels.smtp.connection import BareLineEnd, Connection, NoRoom, TooLarge, in_line_feeds
from ingest.channels.smtp.door import Door, Transaction, printable
from ingest.channels.smtp.limits import Limits
from ingest.channels.smtp.peers import may_send, within
from ingest.mail.arrival import Way
from ingest.mail.identity import identify
from tickets.trouble import Temporary

_COMMAND: Final = re.compile(rb"([A-Za-z]{1,12})(?:[ \t]([^\r\n\0]*))?\r\n")
_PLAIN: Final = re.compile(rb"(MAIL|RCPT) ((?:FROM|TO):<[!-~]{0,255}>(?: SIZE=[0-9]{1,12})?)\r\n", re.IGNORECASE)
_BEFORE_TLS: Final = ("NOOP", "EHLO", "LHLO", "STARTTLS", "QUIT")
_OF_A_BROWSER: Final = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT")
_OPTION: Final = re.compile(r"(SIZE)=(\d{1,20})|(BODY)=(7BIT|8BITMIME)|SMTPUTF8|(AUTH)=\S+", re.IGNORECASE)

log = structlog.get_logger()


class Session(Connection):
    """One connection to a `Door`, from greeting to goodbye."""

    def __init__(self, door: Door, limits: Limits) -> None:
        super().__init__(door, limits)
        self._ends = self.loop.time() + limits.session_seconds
        self._commands_left = limits.commands
        self._refusals = self._unknown = self._wrong_passwords = 0
        self._hello = self._user = ""
        self._mail = Transaction()
        self._over = self._listening = False
        self._at_once: Mapping[str, Callable[[str], str]] = {
            "HELO": self._helo,
            "EHLO": self._ehlo,
            "LHLO": self._lhlo,
            "MAIL": self._mail_from,
            "RCPT": self._rcpt_to,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "EXPN": self._expn,
            "HELP": self._help,
            "QUIT": self._quit,
        }
        self._in_time: Mapping[str, Callable[[str], Awaitable[str]]] = {
            "DATA": self._data,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
        }

    async def _handle_client(self) -> None:
        """Talk until one of the two has enough; in place of the library's loop."""
        try:
            if await self._opened():
                await self._converse()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            log.debug("smtp_hung_up", channel=self.door.name, peer=self.peer, error=str(error))
        except Exception as error:  # noqa: BLE001  # ours, so temporary for the sender
            await self.push("421" + (await self.handle_exception(error)).removeprefix("451"))
        finally:
            self.hang_up()

    async def _opened(self) -> bool:
        """Learn who it is, encrypt when that comes first, and greet; False when it is turned away."""
        self._reset_timeout(self.limits.opening_seconds)
        config = self.door.now().config
        self.peer = str(self.session.peer[0]) if self.session and self.session.peer else ""
        if within(self.peer, config.proxies):
            real = await self.read_proxy_header()
            if real is None:
                log.warning("smtp_proxy_header_broken", channel=config.name, peer=self.peer)
                return False
            self.peer = real or self.peer
        self._entered = self.door.peers.enter(self.peer, config.connections_per_peer)
        if not self._entered or self.door.peers.total > config.connections:
            log.info("smtp_too_many_connections", channel=config.name, peer=self.peer)
            await self.push("421 4.3.2 Too many connections here; please try again in a minute")
            return False
        if config.tls and config.tls.mode == "implicit" and not await self.start_tls():
            return False
        if not config.users and not may_send(config, self.peer):
            log.info("smtp_peer_refused", channel=config.name, peer=self.peer)
            await self.push(f"554 5.7.1 {self.peer} may not send mail here")
            return False
        await self.push(f"220 {self.hostname} {'LMTP' if self._lmtp else 'ESMTP'} Frontdesk")
        return True

    async def _converse(self) -> None:
        while not self._over:
            self._reset_timeout()
            self._listening = True
            line = await self.read_command()
            self._listening = False
            self._commands_left -= 1
            if self._commands_left < 0 or self.loop.time() > self._ends:
                await self.push("421 4.7.0 That is enough for one session; come back later")
                return
            try:
                answer = await self._answer(line)
            except (ConnectionError, asyncio.IncompleteReadError):
                raise
            except Exception as error:  # noqa: BLE001  # ours, so temporary for the sender
                answer = await self.handle_exception(error)
            await self._say(answer)

    def data_received(self, data: bytes) -> None:
        """Answer a sender or a recipient that comes alone right here: waking the session costs more than the answer."""
        if self._listening and not self._reader._buffer and (answer := self._quick_answer(data)):  # type: ignore[attr-defined]  # noqa: SLF001  # the session waits, and nothing else does
            self._reset_timeout()
            self._commands_left -= 1
            self._writer.write(answer.encode() + b"\r\n")
        else:
            super().data_received(data)

    def _quick_answer(self, line: bytes) -> str:
        """Return the 250 to a plain MAIL or RCPT; nothing for all else, which the session then answers."""
        found = _PLAIN.fullmatch(line)
        if found is None or self._commands_left <= 0 or self.loop.time() > self._ends:
            return ""
        if self.door.tls_required and not self.tls:
            return ""
        obey = self._mail_from if found[1].upper() == b"MAIL" else self._rcpt_to
        try:
            answer = obey(found[2].decode())
        except Exception:  # noqa: BLE001  # it fails again in the session, which says so
            return ""
        return answer if answer.startswith("250") else ""  # what was refused has changed nothing

    async def _answer(self, line: bytes) -> str:
        """Return the answer to one line."""
        found = _COMMAND.fullmatch(line)
        if found is None:
            return self._no_command("500 5.5.2 A command is a word, its argument and <CR><LF>, and not too long")
        verb = found[1].decode().upper()
        arg = (found[2] or b"").decode("utf-8", "surrogateescape").strip()
        if self.door.tls_required and not self.tls and verb not in _BEFORE_TLS:
            return "530 5.7.0 Say STARTTLS first"
        if (at_once := self._at_once.get(verb)) is not None:
            return at_once(arg)
        if (in_time := self._in_time.get(verb)) is not None:
            return await in_time(arg)
        if verb in _OF_A_BROWSER:  # a page in somebody's browser must not speak SMTP in the body of a form
            self._over = True
        return self._no_command(f"500 5.5.1 No command is called {verb}")

    def _no_command(self, words: str) -> str:
        self._unknown += 1
        if self._unknown < self.limits.unknown and not self._over:
            return words
        self._over = True
        return "421 4.7.0 That is no SMTP; goodbye"

    async def _say(self, answer: str) -> None:
        if answer.startswith("5"):
            self._refusals += 1
            if self._refusals > self.limits.refusals:
                self._over = True
                answer = "421 4.7.0 Too many refusals for one session; come back later"
        if answer:
            await self.push(answer)

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong here is temporary for the sender; aiosmtpd's own answer would be 500."""
        if isinstance(error, Temporary):
            log.warning("mail not kept, its sender comes back", channel=self.door.name, error=str(error))
        else:
            log.error("an SMTP session failed", channel=self.door.name, exc_info=error)
        return "451 4.3.0 We cannot keep your mail right now; please try again in a few minutes"

    # --- commands that are answered at once -------------------------------------------------------------------------

    @property
    def _lmtp(self) -> bool:
        return self.door.protocol == "lmtp"

    def _create_envelope(self) -> Transaction:
        self._mail = Transaction()
        return self._mail

    def _say_hello(self, name: str, *, extended: bool) -> str:
        if not name:
            return "501 5.5.4 Say who you are: EHLO mail.example.com"
        self._set_rset_state()
        self._hello = printable(name)[:255]
        words = [self.hostname]
        if extended:
            words += [f"SIZE {self.door.now().config.max_size}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
            words += ["ENHANCEDSTATUSCODES"]
            if self.door.certificate is not None and not self.tls:
                words.append("STARTTLS")
            if self.tls and self.door.now().config.users:
                words.append("AUTH PLAIN LOGIN")
        return "\r\n".join([*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"])

    def _helo(self, arg: str) -> str:
        return self._unlike_here("LHLO") if self._lmtp else self._say_hello(arg, extended=False)

    def _ehlo(self, arg: str) -> str:
        return self._unlike_here("LHLO") if self._lmtp else self._say_hello(arg, extended=True)

    def _lhlo(self, arg: str) -> str:
        return self._say_hello(arg, extended=True) if self._lmtp else self._unlike_here("EHLO")

    def _unlike_here(self, word: str) -> str:
        return self._no_command(f"500 5.5.1 Say {word} here")

    def _mail_from(self, arg: str) -> str:
        if refusal := self._too_early():
            return refusal
        if self._mail.mail_from is not None:
            return "503 5.5.1 A mail is begun already; say RSET to begin anew"
        path = self._path("FROM:", arg)
        if path is None:
            return "501 5.5.4 Write it as MAIL FROM:<name@example.com>"
        address, options = path
        size = 0
        for option in options.split():
            found = _OPTION.fullmatch(option)
            if found is None:
                return "555 5.5.4 An option of MAIL is not known here, or has a wrong value"
            size = int(found[2] or size)
        if size > self.door.now().config.max_size:
            return self._too_large()
        self._mail.mail_from = address
        return "250 2.1.0 OK"

    def _rcpt_to(self, arg: str) -> str:
        if refusal := self._too_early() or ("" if self._mail.mail_from is not None else "503 5.5.1 Say MAIL first"):
            return refusal
        path = self._path("TO:", arg)
        if path is None or not path[0]:
            return "501 5.5.4 Write it as RCPT TO:<name@example.com>"
        address, options = path
        if options:
            return "555 5.5.4 No option of RCPT is known here"
        if len(self._mail.recipients) >= self.limits.recipients:
            return "452 4.5.3 Too many recipients at once; send the rest in another transaction"
        opening = self.door.now()
        recipient = opening.recipient(address)
        if recipient is None:
            shown = re.sub(r"[^\x21-\x7e]", "?", address)[:200]
            desk = opening.desk.desk.name.encode("ascii", "replace").decode()
            return (
                f"550 5.1.1 Nobody at {desk} receives mail at <{shown}>; check the address, or ask them to add it to a "
                "department"
            )
        self._mail.recipients.append(recipient)
        return "250 2.1.5 OK"

    def _too_early(self) -> str:
        if not self._hello:
            return f"503 5.5.1 Say {'LHLO' if self._lmtp else 'EHLO'} first"
        if not self._user and not may_send(self.door.now().config, self.peer):
            return "530 5.7.0 Say who you are with AUTH first"
        return ""

    def _path(self, keyword: str, arg: str) -> tuple[str, str] | None:
        """Return the address behind MAIL FROM: or RCPT TO:, "" for the null sender, and the options after it."""
        if arg[: len(keyword)].upper() != keyword:
            return None
        address, rest = self._getaddr(arg[len(keyword) :].strip())
        return None if address is None or rest is None else ("" if address == "<>" else address, rest.strip())

    def _too_large(self) -> str:
        return f"552 5.3.4 The mail is larger than the {self.door.now().config.max_size} bytes taken here"

    def _rset(self, arg: str) -> str:
        if arg:
            return "501 5.5.4 RSET has no argument"
        self._set_rset_state()
        return "250 2.0.0 OK"

    def _noop(self, _arg: str) -> str:
        return "250 2.0.0 OK"

    def _vrfy(self, arg: str) -> str:
        return "252 2.5.0 Send a mail, and see" if arg else "501 5.5.4 Write it as VRFY name@example.com"

    def _expn(self, _arg: str) -> str:
        return "502 5.5.1 There are no lists here"

    def _help(self, _arg: str) -> str:
        return f"214 2.0.0 {' '.join(sorted({*self._at_once, *self._in_time}))}"

    def _quit(self, arg: str) -> str:
        if arg:
            return "501 5.5.4 QUIT has no argument"
        self._over = True
        return "221 2.0.0 Bye"

    # --- commands that take their time ------------------------------------------------------------------------------

    async def _data(self, arg: str) -> str:
        if refusal := self._too_early():
            return refusal
        mail = self._mail
        if not mail.recipients:
            return "503 5.5.1 Say RCPT first"
        if arg:
            return "501 5.5.4 DATA has no argument"
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        await self.flush()
        self._reset_timeout(self.limits.data_seconds)
        try:
            answers = await self._answers(mail)
        finally:
            self._set_rset_state()  # whatever comes of this mail, the next one begins anew
        for answer in answers[:-1]:
            await self.push(answer)
        return answers[-1]

    async def _answers(self, mail: Transaction) -> list[str]:
        """Read the mail and keep it; return one answer, or with LMTP one for each recipient (RFC 2033, 4.2)."""
        times = len(mail.recipients) if self._lmtp else 1
        try:
            content = await self.read_mail(self.door.now().config.max_size)
        except TooLarge:
            return [self._too_large()] * times
        except NoRoom:
            return ["452 4.3.1 Too many large mails come in at once; please try again in a minute"] * times
        self._reset_timeout()
        try:
            identity = identify(in_line_feeds(content))
            kept = await self.door.keep(mail.recipients, content, identity, self._way(mail))
        except BareLineEnd as error:
            return [f"554 5.6.11 The mail has a bare {error}; lines must end with <CR><LF> (RFC 5321, 2.3.8)"] * times
        except Exception as error:  # noqa: BLE001  # ours, so temporary for the sender
            return [await self.handle_exception(error)] * times
        self._commands_left = self.limits.commands
        if self._lmtp:
            return [f"250 2.1.5 kept as {kept[one.channel]}" for one in mail.recipients]
        return [f"250 2.0.0 kept as {', '.join(map(str, kept.values()))}"]

    def _way(self, mail: Transaction) -> Way:
        more = {"tls": self.tls, "user": self._user, "protocol": "lmtp" if self._lmtp else ""}
        known = {name: value for name, value in more.items() if value}
        return Way("smtp", printable(mail.mail_from or ""), (), self.peer, self._hello, known)

    async def _starttls(self, arg: str) -> str:
        if arg:
            return "501 5.5.4 STARTTLS has no argument"
        if self.door.certificate is None:
            return self._no_command("502 5.5.1 There is no TLS here")
        if self.tls:
            return "503 5.5.1 The connection is encrypted already"
        self._writer.write(bytes(self._unsent) + b"220 2.0.0 Go ahead\r\n")
        self._unsent.clear()
        if not await self.start_tls():
            raise ConnectionResetError("no TLS came of it")
        self._hello = self._user = ""
        return ""

    def _no_auth_now(self) -> str:
        users = self.door.now().config.users
        if not users:
            return "502 5.5.1 There are no users here"
        if not self.tls:
            return "538 5.7.11 Say STARTTLS first"
        if not self._hello or self._user or self._mail.mail_from is not None:
            return "503 5.5.1 AUTH comes once, after EHLO and before MAIL"
        if not self.door.peers.may_guess(self.peer):
            return "454 4.7.0 Too many wrong passwords from your address; come back later"
        return ""

    async def _auth(self, arg: str) -> str:
        if refusal := self._no_auth_now():
            return refusal
        mechanism, _, initial = arg.partition(" ")
        try:
            name, password = await read_login(mechanism.upper(), initial.strip().encode("utf-8", "replace"), self._ask)
            right = right_password(self.door.now().config.users, name, password)
        except BrokenAnswer as error:
            return str(error)
        except MissingSecretError as error:
            log.warning("a user's password is not there", channel=self.door.name, error=str(error))
            return "454 4.7.0 We cannot check your password right now; come back later"
        if right:
            self._user = name.decode()
            return "235 2.7.0 Welcome"
        return self._wrong_password()

    def _wrong_password(self) -> str:
        log.warning("smtp_wrong_password", channel=self.door.name, peer=self.peer)
        self.door.peers.guessed_wrong(self.peer)
        self._wrong_passwords += 1
        if self._wrong_passwords < self.limits.logins:
            return "535 5.7.8 The name or the password is wrong"
        self._over = True
        return "421 4.7.0 Too many wrong passwords; goodbye"

    async def _ask(self, challenge: str) -> bytes:
        await self.push(f"334 {b64encode(challenge.encode()).decode()}")
        return decoded((await self.read_command()).strip())
