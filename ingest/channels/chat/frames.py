"""A frame of a client: checked, counted, kept; it is acknowledged after the commit and not before."""

import re
import time
import uuid
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final

import structlog
from sqlalchemy import select

from config.model import MissingSecretError
from ingest.channels.chat.config import Asked, Question, Turnstile
from ingest.channels.chat.payload import KEPT, LENGTHS, address, kept, parse
from ingest.channels.chat.session import Frame, Session, challenge
from ingest.limits import counted_address
from ingest.outbound import origin
from ingest.payload import word
from ingest.webhook import arrival
from tickets.message import clean
from tickets.schema import files
from tickets.trouble import Permanent, Temporary

LARGEST: Final = 65_536
"""Bytes of a frame."""
YOUNG_SECONDS: Final = 0.8
YOUNG_QUICK_SECONDS: Final = 8.0
"""How old a session must be for its first message, and for one whose form was filled in quicker than people do."""
QUICK_MS: Final = 800
LONGEST_FIELD: Final = 1000
LONGEST_COMMENT: Final = 2000
RETRY_SECONDS: Final = 5
STATUS: Final = {"token": 401, "proof": 403, "trap": 403, "limit": 429, "quick": 429, "trouble": 503}
"""The HTTP status of a refusal, by its `why`; else 422."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = structlog.get_logger()


class Nacked(Exception):  # noqa: N818  # a word of the protocol
    """The frame is not taken: a word for the client, words for a person, and whether the same frame may come again.

    `challenge` is what it must prove then.
    """

    def __init__(
        self, why: str, words: str, *, again: bool = False, retry_after: float | None = None, challenge: Any = None
    ) -> None:
        super().__init__(words)
        self.why = why
        self.again = again
        self.retry_after = retry_after
        self.challenge = challenge

    def frame(self, number: str) -> Frame:
        """Return it as the desk says it."""
        wait = None if self.retry_after is None else max(1, ceil(self.retry_after))
        told = {"again": self.again, "retry_after": wait, "why": self.why, "words": str(self)}
        return {
            "type": "nack",
            "id": clean(number)[:64],
            **told,
            **({"challenge": self.challenge} if self.challenge else {}),
        }


def is_kept(frame: Mapping[str, Any]) -> bool:
    """Tell whether a frame becomes a row of the inbox."""
    return frame.get("type") in KEPT


async def take(session: Session, frame: Mapping[str, Any], *, begun: bool) -> Frame:
    """Keep a frame and return its `ack`; raises `Nacked`. Trouble of ours is `Nacked` too: the client comes again.

    `begun` is true when the conversation is known to have begun; else the database is asked.
    """
    try:
        number = _sound(frame)
        frame = {**frame, "fields": _fields(session, frame)}
        await _within_limits(session)
        first = frame["type"] == "offline" or (
            frame["type"] == "message" and not begun and not await session.hall.reader.begun(session.key)
        )
        if first:
            await _as_a_person(session, frame)
        named = await to_thread(_files, session, frame) if frame.get("files") else ()
        raw = kept(session.visitor, frame, named)
        [message] = parse(raw)
        config = session.config
        [row] = await session.hall.front.accept([arrival(config.name, config.type, message, raw, 0)])
    except Temporary as error:
        log.warning("a frame was not kept, it comes again", channel=session.config.name, error=str(error))
        raise Nacked(
            "trouble", "we cannot keep this right now; it is sent again", again=True, retry_after=RETRY_SECONDS
        ) from error
    return {"type": "ack", "id": number, "row": row.id}


def _sound(frame: Mapping[str, Any]) -> str:
    """Return the id of a frame that is kept and whose every field has the right form; raises `Nacked`."""
    number = word(frame, "id")
    if not _ID.fullmatch(number):
        raise Nacked("frame", "id is missing, or is not 1 to 64 of A-Z a-z 0-9 _ -")
    for name in ("text", "name", "email", "department", "comment", "lang"):
        value, longest = frame.get(name), LENGTHS.get(name, LONGEST_COMMENT)
        if value is not None and not isinstance(value, str):
            raise Nacked("frame", f"{name} is not a string")
        if value is not None and len(value) > longest:
            raise Nacked("form", f"{name} has {len(value)} characters; send at most {longest}")
    named = frame.get("files") or []
    if not isinstance(named, list) or not all(isinstance(one, str) and _ID.fullmatch(one) for one in named):
        raise Nacked("frame", "files is a list of ids")
    kind = frame["type"]
    if kind in ("message", "offline") and not word(frame, "text").strip() and (kind == "offline" or not named):
        raise Nacked("form", "there is no text")
    if kind == "rate" and frame.get("score") not in ("good", "bad"):
        raise Nacked("frame", "score is good or bad")
    return number


def _fields(session: Session, frame: Mapping[str, Any]) -> dict[str, str]:
    """Return the answers to the questions of the form, and nothing else a client may send; raises `Nacked`."""
    given = frame.get("fields")
    said = given if isinstance(given, dict) else {}
    answers: dict[str, str] = {}
    for question in session.config.form.fields:
        value = said.get(question.id)
        value = ("yes" if value else "") if isinstance(value, bool) else value
        if value is not None and not (isinstance(value, str) and len(value) <= LONGEST_FIELD):
            raise Nacked("form", f"{question.label}: send at most {LONGEST_FIELD} characters")
        if value:
            answers[question.id] = value
    return answers


async def _within_limits(session: Session) -> None:
    limits = session.config.limits
    seconds = await session.wait(
        (limits.session, "session", session.visitor.id),
        (limits.conversation, "conversation", session.key),
        (limits.address, "address", counted_address(session.address)),
    )
    if seconds is not None:
        raise Nacked("limit", "that was too much at once; it is sent again in a while", again=True, retry_after=seconds)


async def _as_a_person(session: Session, frame: Mapping[str, Any]) -> None:
    """Return when a first message is likely a person's and its form is filled in; raises `Nacked` and `Temporary`."""
    if frame.get("trap"):
        raise Nacked("trap", "a field that people do not see was filled in; empty it and send again")
    opened = frame.get("after_ms")
    quick = isinstance(opened, int | float) and opened < QUICK_MS
    left = session.visitor.since + (YOUNG_QUICK_SECONDS if quick else YOUNG_SECONDS) - time.time()
    if left > 0:
        raise Nacked("quick", "that was quicker than people are; it is sent again", again=True, retry_after=left)
    form, visitor, offline = session.config.form, session.visitor, frame["type"] == "offline"
    _asked(form.name, "name", visitor.name or word(frame, "name"))
    email = visitor.email or word(frame, "email")
    _asked("required" if offline else form.email, "email", email)
    if email.strip() and address(email) is None:
        raise Nacked("form", "email is no address; write it as name@example.com")
    for question in form.fields:
        _answered(question, frame["fields"].get(question.id, ""))
    await _proven(session, frame.get("proof"))


def _asked(how: Asked, name: str, value: str) -> None:
    if how == "required" and not value.strip():
        raise Nacked("form", f"{name} is missing")


def _answered(question: Question, value: str) -> None:
    if question.required and not value.strip():
        raise Nacked("form", f"{question.label} is missing")
    if value and question.type == "select" and value not in question.options:
        raise Nacked("form", f"{question.label} is none of its options")


async def _proven(session: Session, proof: Any) -> None:
    config = session.config
    wrong = None
    if config.proof_bits is not None and not session.tokens.has_worked(session.visitor.id, proof, config.proof_bits):
        wrong = "the proof of work is missing, wrong or too old"
    if config.turnstile is not None:
        answer = proof if isinstance(proof, str) else ""
        if not answer or not await to_thread(_turned, session, config.turnstile, answer):
            wrong = "Turnstile does not know this token, or not any more"
    if wrong:
        raise Nacked("proof", f"{wrong}; it is sent again with another one", again=True, challenge=challenge(session))


def _turned(session: Session, turnstile: Turnstile, answer: str) -> bool:
    """Ask Cloudflare whether a person solved it; raises `Temporary`.

    https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
    """
    out = replace(session.hall.front.out, own=(*session.hall.front.out.own, origin(turnstile.base_url)))
    try:
        said = out.call(
            "POST",
            f"{turnstile.base_url.rstrip('/')}/turnstile/v0/siteverify",
            json={
                "secret": turnstile.secret.reveal(),
                "response": answer,
                # A token counts once; the same question again, after a lost answer, gets the same answer.
                "idempotency_key": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session.visitor.id} {answer}")),
            },
        )
    except (MissingSecretError, ValueError) as error:
        raise Temporary(f"the secret of Turnstile cannot be used: {error}") from error
    except Permanent as error:
        raise Temporary(f"Turnstile cannot be asked: {error}") from error
    if not said.ok and "success" not in said.json:
        raise Temporary(f"Turnstile cannot be asked (HTTP {said.status})")
    return said.json.get("success") is True


def _files(session: Session, frame: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what is known of the files a frame names, in its order; raises `Nacked`."""
    wanted = list(dict.fromkeys(frame["files"]))
    if len(wanted) > session.config.upload.most_files:
        raise Nacked("file", f"a message has at most {session.config.upload.most_files} files")
    with session.hall.front.store.read() as connection:
        rows = connection.execute(select(files).where(files.c.id.in_(wanted), files.c.owner == session.key)).all()
    known = {row.id: row for row in rows}
    if len(known) != len(wanted):
        raise Nacked("file", "a file of this message is not there any more; attach it again")
    return [
        {
            "id": row.id,
            "filename": row.filename,
            "content_type": row.content_type,
            "size": row.size,
            "sha256": row.stored,
        }
        for row in (known[one] for one in wanted)
    ]
