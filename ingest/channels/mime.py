"""Raw mail over HTTP: any program posts a mail as it is, an MTA's pipe with curl or a worker at the edge of a network.

    POST /in/mail-worker
    Authorization: Bearer <one of the channel's secrets>
    Content-Type: message/rfc822
    X-Envelope-From: ann@example.com
    X-Envelope-To: support@acme.example, billing@acme.example

    From: Ann <ann@example.com> ...

    200 {"id": 17}

Vendor's document: RFC 5322 (the body), RFC 6750 (the bearer token). The two envelope headers are ours, and may be left out.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from config.desk import MailConfig
from config.model import Secrets
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.mail.arrival import Way
from ingest.mail.posted import Posted, address, addresses, messages
from ingest.proof import is_one_of, opened
from tickets.message import InboundMessage

HOOK = Hook("/in/{channel}", max_bytes=41_943_040)
MAIL = True


class Config(MailConfig):
    """`type: mime` — raw mails, posted by any program that knows the secret."""

    type: Literal["mime"] = "mime"
    secrets: Secrets = Field(description="what the program says as its bearer token; two of them while it is changed")


def verify(config: Config, request: Request) -> None:
    """Return when the sender knows a secret; raises `Refused`: 401 when not, 503 when ours is not there."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not (is_one_of(token.strip(), opened(config.secrets)) and scheme.lower() == "bearer"):
        raise Refused(401, "Authorization must be Bearer and one of this channel's secrets")


def mails(request: Request) -> list[Posted]:
    """Return the body as the mail it is; raises `Unreadable` when there is none."""
    if not request.raw.strip():
        raise Unreadable("the body is empty; post the mail as it is, such as curl --data-binary @mail.eml")
    return [
        Posted(
            request.raw, Way("mime", address(_header(request, "from")), addresses(_header(request, "to").split(",")))
        )
    ]


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message a mail is; raises `Unreadable` when there is none."""
    return messages("mime", mails(Request(raw, {})))


def answer(kept: Sequence[Kept]) -> Answer:
    """Return 200 and the row's id, the first one's for a repetition."""
    return Answer(body={"id": kept[0].id} if kept else {})


def _header(request: Request, which: str) -> str:
    """Return an envelope header; HTTP hands bytes on as Latin-1, and addresses are UTF-8 (RFC 6532)."""
    return request.headers.get(f"x-envelope-{which}", "").encode("latin-1", "replace").decode("utf-8", "replace")
