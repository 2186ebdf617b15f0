"""Chat on the team's own site: a widget with a session, or any program that posts one message at a time.

    POST /chat/site-chat/messages
    Content-Type: application/json
    Origin: https://acme.example

    {"visitor": "0f8fad5b-d9cb-469f-a165-70867728950e", "client_msg_id": "1", "text": "Where is my order?",
     "name": "Ann", "email": "ann@example.com", "department": "billing"}

    202 {"id": 17}

Vendor's document: ours, docs/chat-protocol.md; RFC 6454 (origins), RFC 6455 (WebSocket), RFC 7519 (tokens).

Who posts is not signed, so what it can put right is refused with words instead of being kept: a broken body is its own.
A repetition of (visitor, client_msg_id) is the same message and gets the same answer. What the widget says comes to the
paths in `routes` and is kept in a form that cannot be posted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from config.desk import Desk
from config.problems import Place, Problem
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request
from ingest.channels.chat.config import Config
from ingest.channels.chat.paths import routes
from ingest.channels.chat.payload import WrongBodyError, parse, posted
from ingest.channels.chat.sites import is_allowed, shared
from ingest.channels.chat.texts import FALLBACK, OURS, languages_in, own_folder, parsed
from ingest.outbound import Outbound
from ingest.proof import is_one_of, opened
from tickets.reply import Reply

__all__ = ["HOOK", "Config", "answer", "check", "cors", "parse", "routes", "send", "verify"]

MAX_BYTES = 65_536


def cors(config: Config, request: Request) -> Mapping[str, str]:
    """Return the headers with which a browser lets an allowed page read the answer."""
    return shared(config.origins, request.headers, "POST")


HOOK = Hook("/chat/{channel}/messages", max_bytes=MAX_BYTES, cors=cors, rate=lambda config: config.limits.address)


def verify(config: Config, request: Request) -> None:
    """Return when the message may be kept; raises `Refused`.

    401 without a program's secret where there is one, 403 a foreign site, 415 no JSON, 400 and 422 a wrong body.
    """
    origin = request.headers.get("origin")
    if origin is not None and not is_allowed(config.origins, origin):
        raise Refused(403, "pages of this site may not post here; add its origin to the channel's `origins`")
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if config.program_secrets and not (
        is_one_of(secret.strip(), opened(config.program_secrets)) and scheme.lower() == "bearer"
    ):
        raise Refused(401, "show one of the channel's program_secrets, Authorization: Bearer …")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "send the message as JSON, with Content-Type: application/json")
    try:
        posted(request.raw)
    except WrongBodyError as error:
        raise Refused(error.status, str(error)) from None


def answer(kept: Sequence[Kept]) -> Answer:
    """Return 202 with the id of the message's row, the same for a repetition."""
    return Answer(202, {"id": kept[0].id} if kept else {})


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:  # noqa: ARG001  # nobody is asked
    """Yield an id: the answer stands in its conversation already, and whoever has that open reads it there."""
    if not reply.done:
        yield f"line:{reply.key}"


def check(desk: Desk) -> Iterable[Problem]:
    """Return what is wrong with a desk's own texts."""
    place = Place()
    for i, config in enumerate(desk.channels):
        folder = own_folder(config, desk.folder) if isinstance(config, Config) else None
        if folder is None:
            continue
        here = place.at("channels", i, "texts")
        if desk.folder is not None and not folder.resolve().is_relative_to(desk.folder.resolve()):
            here.note("the folder of texts must lie in the folder of the desk file, or below it")
            continue
        known = parsed((OURS / f"{FALLBACK}.json").read_text(encoding="utf-8"))
        if not list(languages_in(folder)):
            here.note(f"there is no <language>.json in {folder}; write one with the texts to change")
        for path in sorted(folder.glob("*.json")):
            try:
                said = parsed(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                here.note(f"{path.name}: {error}")
                continue
            for key in said.keys() - known.keys():
                here.unknown(f"text in {path.name}", key, known)
    return place
