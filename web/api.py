"""The API for programs: what an agent may see and do, by the agent's token (RFC 6750)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.desk import Desk
from config.plain import note
from config.problems import Place
from ingest.channel import Refused
from router.book import Book, Shelf
from router.explain import explain
from router.hand import CannotActError
from router.opened import Acted
from router.tell import may_see
from router.to_solve import to_solve
from router.why import why as why_of
from tickets import look
from tickets.store import Store
from tickets.tokens import agent_of
from tickets.trouble import Temporary
from web.body import Share, body_of

RETRY_AFTER: Final = {"Retry-After": "30"}
LARGEST: Final = 2**63 - 1
"""No ticket has a larger number: neither database keeps one."""
MOST_BYTES: Final = 65_536

M = TypeVar("M", bound=BaseModel)


class RefusedError(Exception):
    """A request is answered with a status and words, and `also` in the document."""

    def __init__(self, status: int, words: str, also: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.also = also or {}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of an agent: the desk of the moment, and what its path, query and body say."""

    agent: str
    book: Book
    method: str
    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: bytes = b""

    @property
    def desk(self) -> Desk:
        """The desk of the moment."""
        return self.book.desk

    def json(self) -> Any:
        """Return the body, which is to be JSON; raises `RefusedError`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body must be JSON") from None

    def said(self, model: type[M]) -> M:
        """Return the body, which is to be such a JSON object; raises `RefusedError`."""
        return fitting(model, self.json())

    def asked(self, model: type[M]) -> M:
        """Return the query, which is to have such values; raises `RefusedError`."""
        return fitting(model, dict(self.query))


def fitting(model: type[M], raw: object) -> M:
    """Return what was said as a model; raises `RefusedError` with every problem."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        place = Place()
        note(error, raw, model, place)
        problems = [{"path": one.path, "message": one.message, "suggestion": one.suggestion} for one in place]
        words = "; ".join(
            f"{one['path']}: {one['message']}" if one["path"] else str(one["message"]) for one in problems
        )
        raise RefusedError(422, words, {"problems": problems}) from None


Act = Callable[[Asked], Response]
"""Answers a request of an agent, in a thread; raises `Temporary` and `RefusedError`."""
Watch = Callable[[Asked, Request], Awaitable[Response]]
"""Answers a request of an agent in the event loop; raises like an `Act`."""


def routes(api: "Api") -> list[BaseRoute]:
    """Return the paths of tickets below `/api/v1`."""
    return [
        api.route("/tickets/{number:int}", lambda asked: _ticket(api.store, asked), "GET"),
        api.route("/tickets/{number:int}/why", lambda asked: _why(api.store, asked), "GET"),
        api.route("/me/to-solve", lambda asked: _to_solve(api, asked), "GET", "POST"),
    ]


class Api:
    """What every path has in common: it is answered to agents of the desk alone, and trouble is told in words.

    `acted` is told what an act came to.
    """

    def __init__(
        self, store: Store, desk: Callable[[], Desk], acted: Callable[[Acted], None] = lambda _acted: None
    ) -> None:
        self.store = store
        self.acted = acted
        self._desk = desk
        self._shelf = Shelf(desk, store)

    def desk(self) -> Desk:
        """Return the desk of the moment."""
        return self._desk()

    def route(self, path: str, act: Act, *methods: str) -> Route:
        """Return a path that an act answers."""

        async def answered(asked: Asked, _request: Request) -> Response:
            return await asyncio.to_thread(act, asked)

        return self.watched(path, answered, *methods)

    def watched(self, path: str, watch: Watch, *methods: str) -> Route:
        """Return a path that is answered in the event loop."""

        async def answer(request: Request) -> Response:
            try:
                asked = await asyncio.to_thread(self.asked, request)
                if request.method in ("POST", "PUT"):
                    with Share(request.app.state.held) as share:
                        asked = replace(asked, body=await body_of(request, MOST_BYTES, share))
                return await watch(asked, request)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            except RefusedError as error:
                headers = {"WWW-Authenticate": 'Bearer realm="frontdesk"'} if error.status == 401 else None
                return JSONResponse({"error": str(error), **error.also}, error.status, headers)
            except Refused as error:
                return JSONResponse({"error": str(error)}, error.status, RETRY_AFTER if error.retry_after else None)
            except Temporary:
                return JSONResponse({"error": "the database does not answer; try again"}, 503, RETRY_AFTER)

        return Route(f"/api/v1{path}", answer, methods=list(methods))

    def asked(self, request: Request) -> Asked:
        """Return who asks, and what; raises `RefusedError` when it is nobody of the desk, and `Temporary`."""
        book = self._shelf.book()
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        agent = agent_of(self.store, token.strip()) if kind.lower() == "bearer" and token else None
        if agent is None or agent not in book.desk.agents_by_id:
            words = "a token is needed: Authorization: Bearer …; make one with: frontdesk token AGENT"
            raise RefusedError(401, words)
        return Asked(agent, book, request.method, request.path_params, request.query_params)


def _number(store: Store, asked: Asked) -> int:
    """Return the ticket that is asked for; raises `RefusedError`: who may not see it does not learn whether it is there."""
    number: int = asked.path["number"]
    department = look.department(store, number) if number <= LARGEST else None
    if department is None or not may_see(asked.desk, department, asked.agent):
        raise RefusedError(404, f"no ticket {number} in a department of yours")
    return number


def _ticket(store: Store, asked: Asked) -> Response:
    """Tell a ticket with its entries and its history, as `frontdesk ticket` does. Asking is not reading."""
    return JSONResponse(look.ticket(store, _number(store, asked)))


def _why(store: Store, asked: Asked) -> Response:
    """Tell why a ticket went where it went."""
    number = _number(store, asked)
    passes = [{**one, "lines": explain(one["trace"])} for one in why_of(store, number)]
    return JSONResponse({"ticket": number, "passes": passes})


def _to_solve(api: Api, asked: Asked) -> Response:
    """Tell the most urgent ticket the agent may take, and with POST let them take it."""
    look_only = asked.method != "POST"
    try:
        found = to_solve(api.store, asked.book, asked.agent, time.time(), look=look_only)
    except CannotActError as error:
        return JSONResponse({"error": str(error)}, 409)
    if found is None:
        return JSONResponse({"ticket": None})
    if not look_only:
        api.acted(Acted(found.ticket.number or 0, notices=found.rings, changed=not found.own))
    return JSONResponse({"ticket": found.ticket.number, "own": found.own, "subject": found.ticket.subject})
