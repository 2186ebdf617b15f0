"""The API for programs: what an agent may see and do, by the agent's token (RFC 6750)."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.desk import Desk
from router.book import Shelf
from router.explain import explain
from router.hand import CannotActError
from router.opened import Acted
from router.to_solve import to_solve
from router.why import why as why_of
from tickets import look
from tickets.store import Store
from tickets.tokens import agent_of
from tickets.trouble import Temporary

RETRY_AFTER: Final = {"Retry-After": "30"}
LARGEST: Final = 2**63 - 1
"""No ticket has a larger number: neither database keeps one."""

Act = Callable[[Request, str], Response]
"""Answers a request of an agent, in a thread; raises `Temporary`."""


def routes(store: Store, desk: Callable[[], Desk], acted: Callable[[Acted], None]) -> list[BaseRoute]:
    """Return the paths below `/api/v1`; `acted` is told what an act came to."""
    api = _Api(store, desk, acted)
    return [
        api.route("/tickets/{number:int}/why", api.why, "GET"),
        api.route("/me/to-solve", api.to_solve, "GET", "POST"),
    ]


class _Api:
    """What the paths answer from: the tickets, and the desk of the moment."""

    def __init__(self, store: Store, desk: Callable[[], Desk], acted: Callable[[Acted], None]) -> None:
        self._store = store
        self._shelf = Shelf(desk)
        self._acted = acted

    def route(self, path: str, act: Act, *methods: str) -> Route:
        """Return a path that is answered to agents of the desk alone."""

        async def answer(request: Request) -> Response:
            try:
                return await asyncio.to_thread(self._answered, request, act)
            except Temporary:
                return JSONResponse({"error": "the database does not answer; try again"}, 503, RETRY_AFTER)

        return Route(f"/api/v1{path}", answer, methods=list(methods))

    def why(self, request: Request, agent: str) -> Response:
        """Tell why a ticket went where it went; who may not see it does not learn whether it is there."""
        number: int = request.path_params["number"]
        desk = self._shelf.book().desk
        department = look.department(self._store, number) if number <= LARGEST else None
        if department is None or (agent not in desk.members(department) and len(desk.agents) > 1):
            return JSONResponse({"error": f"no ticket {number} in a department of yours"}, 404)
        passes = [{**one, "lines": explain(one["trace"])} for one in why_of(self._store, number)]
        return JSONResponse({"ticket": number, "passes": passes})

    def to_solve(self, request: Request, agent: str) -> Response:
        """Tell the most urgent ticket the agent may take, and with POST let them take it."""
        try:
            found = to_solve(self._store, self._shelf.book(), agent, time.time(), look=request.method != "POST")
        except CannotActError as error:
            return JSONResponse({"error": str(error)}, 409)
        if found is None:
            return JSONResponse({"ticket": None})
        if request.method == "POST":
            self._acted(Acted(found.ticket.number or 0, notices=found.rings, changed=not found.own))
        return JSONResponse({"ticket": found.ticket.number, "own": found.own, "subject": found.ticket.subject})

    def _answered(self, request: Request, act: Act) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        agent = agent_of(self._store, token.strip()) if kind.lower() == "bearer" and token else None
        if agent is None or agent not in self._shelf.book().desk.agents_by_id:
            words = "a token is needed: Authorization: Bearer …; make one with: frontdesk token AGENT"
            return JSONResponse({"error": words}, 401, {"WWW-Authenticate": 'Bearer realm="frontdesk"'})
        return act(request, agent)
