"""What an agent is told in the application: listed, read, and as a stream (web/stream.py). Read here is read for every way."""

import time
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from notify import in_app
from tickets.live import Live
from web.api import LARGEST, Api, Asked
from web.stream import TOPIC, Streams

MOST_LISTED = 200

Id = Annotated[int, Field(ge=0, le=LARGEST)]


class _Wanted(BaseModel):
    """The query of the list."""

    model_config = ConfigDict(extra="forbid")

    all: bool = False
    before: Id | None = None
    limit: int = Field(default=50, ge=1, le=MOST_LISTED)


class _Read(BaseModel):
    """What an agent has read."""

    model_config = ConfigDict(extra="forbid")

    tickets: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1_000)] | None = None
    all: bool = False
    up_to: Id | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.all == (self.tickets is not None):
            raise ValueError('write either {"tickets": [17, 23]} or {"all": true}')
        return self


def routes(api: Api, live: Live) -> list[BaseRoute]:
    """Return the paths below `/api/v1/me/notices`."""
    streams = Streams(api, live)

    def listed(asked: Asked) -> Response:
        wanted = asked.asked(_Wanted)
        page = in_app.whole_page if wanted.all else in_app.unread_page
        found = page(api.store, asked.desk, asked.agent, wanted.before, wanted.limit)
        many = in_app.count(api.store, asked.desk, asked.agent)
        return JSONResponse({"unread": many, "notices": found.notices, "next": found.next})

    def read(asked: Asked) -> Response:
        said = asked.said(_Read)
        in_app.read(api.store, asked.agent, time.time(), said.tickets, said.up_to)
        live.tell(TOPIC, {"type": "read"})
        return JSONResponse({"unread": in_app.count(api.store, asked.desk, asked.agent)})

    return [
        api.route("/me/notices", listed, "GET"),
        api.route("/me/notices/read", read, "POST"),
        api.watched("/me/notices/stream", streams.open, "GET"),
    ]
