"""One visitor at one channel: who it is, what it may know, and what it is told, as the frames of docs/chat-protocol.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from config.desk import Department
from config.model import MissingSecretError
from ingest.channel import Refused
from ingest.channels.chat.config import Config
from ingest.channels.chat.hall import Hall
from ingest.channels.chat.lines import Line, Standing
from ingest.channels.chat.texts import texts_for
from ingest.channels.chat.tokens import FILE_SECONDS, InvalidTokenError, Tokens, Visitor
from ingest.limits import counted_address
from ingest.payload import word
from tickets.availability import Availability
from tickets.message import thread_key

RETRY_AFTER: Final = 30

Frame = dict[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor with a token, and the address it comes from."""

    hall: Hall
    config: Config
    tokens: Tokens
    visitor: Visitor
    address: str | None

    @property
    def key(self) -> str:
        """The key of the visitor's conversation."""
        return thread_key(f"{self.config.name}/", self.visitor.id)

    def entry(self, line: Line, now: float) -> Frame:
        """Return a line of the conversation as it is told."""
        return {
            "type": "entry",
            "seq": line.seq,
            "from": line.speaker,
            "id": line.id,
            "name": line.name,
            "text": line.text,
            "files": [
                {
                    "name": file["name"],
                    "type": file["type"],
                    "size": file["size"],
                    "url": f"files/{file['id']}?t={self.tokens.stamp(file_stamp(file['id']), _file_until(now))}",
                }
                for file in line.files
            ],
            "at": line.at,
        }

    async def state(self, standing: Standing) -> Frame:
        """Return how the conversation stands as it is told; raises `Temporary`."""
        agent = self.hall.front.desk().agents_by_id.get(standing.agent or "")
        return {
            "type": "state",
            "open": is_open(self.config, await self.hall.present()),
            "agent": agent.name if agent else None,
            "status": standing.status,
            "rated": standing.rated,
        }

    async def wait(self, *rates: tuple[str, str, str | None]) -> float | None:
        """Count one more for every `(rate, what, who)`; return the seconds to wait when one is too much, else nothing."""
        for rate, what, who in rates:
            if who is not None:
                seconds = await self.hall.front.limiter.wait(rate, "chat", self.config.name, what, who)
                if seconds is not None:
                    return seconds
        return None


def file_stamp(file: str) -> str:
    """Return what the stamp in a file's URL is for."""
    return f"file.{file}"


def _file_until(now: float) -> float:
    """Return until when a file's URL holds: an hour or two, so that it is the same for an hour and the browser may keep it."""
    return (now // FILE_SECONDS + 2) * FILE_SECONDS


def offered(config: Config, present: Availability, wanted: str = "") -> Sequence[tuple[Department, bool]]:
    """Return the departments a visitor may choose, and whether somebody is there to chat; a hidden one only if `wanted`."""
    shown = [one for one in present.desk.departments if (config.form.department and not one.hidden) or one.id == wanted]
    return [(one, present.open(one.id, "chat")) for one in shown]


def is_open(config: Config, present: Availability) -> bool:
    """Tell whether anybody is there to chat: of the departments a visitor may reach."""
    if config.form.department:
        return any(there for _, there in offered(config, present))
    if config.department:
        return present.open(config.department, "chat")
    return any(present.open(one.id, "chat") for one in present.desk.departments if not one.hidden)


async def resumed(hall: Hall, config: Config, token: str, address: str | None) -> Session:
    """Return the session of a token; raises `InvalidTokenError` and `Temporary`."""
    tokens = await hall.tokens(config)
    return Session(hall, config, tokens, tokens.visitor(token), address)


async def begun(hall: Hall, config: Config, said: Mapping[str, Any], address: str | None) -> Session:
    """Return a new or renewed session; raises `Refused` and `Temporary`."""
    tokens = await hall.tokens(config)
    known = _known(tokens, word(said, "token"))
    if site_token := word(said, "site_token"):
        return Session(hall, config, tokens, _user(tokens, config, site_token), address)
    if known is not None and not known.verified:
        return Session(hall, config, tokens, known, address)
    counted = counted_address(address)  # who has logged out at the host site is somebody new here
    seconds = (
        await hall.front.limiter.wait(config.limits.sessions, "chat", config.name, "sessions", counted)
        if counted
        else None
    )
    if seconds is not None:
        raise Refused(429, "too many new visitors come from your address; come back later", int(seconds))
    return Session(hall, config, tokens, tokens.anonymous(), address)


def _known(tokens: Tokens, token: str) -> Visitor | None:
    try:
        return tokens.visitor(token)
    except InvalidTokenError:
        return None


def _user(tokens: Tokens, config: Config, token: str) -> Visitor:
    try:
        return tokens.user(token, config.site_secrets)
    except InvalidTokenError as error:
        raise Refused(401, f"site_token: {error}") from None
    except (MissingSecretError, ValueError) as error:
        log.warning("a site secret cannot be used", channel=config.name, error=str(error))
        raise Refused(503, "a secret of this channel is not set; try again later", RETRY_AFTER) from None


async def told(session: Session, now: float, languages: Sequence[str], department: str) -> Frame:
    """Return what a client is told at the beginning of its session; raises `Temporary`.

    `department` is one the page has chosen, by its id.
    """
    hall, config, visitor = session.hall, session.config, session.visitor
    standing = await hall.reader.read(session.key)
    present = await hall.present()
    departments = offered(config, present, department)
    lang, texts = texts_for(config, present.desk.folder, languages)
    return {
        "token": session.tokens.token(visitor, now),
        "visitor": {"name": visitor.name, "email": visitor.email, "verified": visitor.verified},
        "seq": standing.seq,
        "status": standing.status,
        "open": next((there for one, there in departments if one.id == department), is_open(config, present)),
        "lang": lang,
        "texts": texts,
        "theme": config.theme.model_dump(),
        "form": config.form.model_dump(mode="json"),
        "departments": [{"id": one.id, "name": one.name, "open": there} for one, there in departments],
        "wait_seconds": config.wait_seconds,
        "upload": config.upload.model_dump(mode="json") if config.upload.most_files else None,
        "challenge": challenge(session),
        "origins": list(config.origins),
    }


def challenge(session: Session) -> Frame | None:
    """Return what the first message of a conversation must prove, or nothing."""
    config = session.config
    if config.proof_bits is not None:
        return {"kind": "pow", "salt": session.tokens.salt(session.visitor.id), "bits": config.proof_bits}
    if config.turnstile is not None:
        return {"kind": "turnstile", "site_key": config.turnstile.site_key}
    return None
