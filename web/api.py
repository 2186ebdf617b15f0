"""The API for programs: what an agent may see and do, by the agent's token (RFC 6750)."""

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.desk import Desk
from router.book import Shelf
from router.explain import explain
from router.hand import CannotActError
from router.to_solve import to_solve
from tickets import look
from tickets.store import Store
from tickets.tokens import agent_of
from tickets.trouble import Temporary

RETRY_AFTER = {"Retry-After": "30"}

LARGEST = 2**63 - 1
"""No ticket has a larger number: neither database keeps one."""

Act = Callable[[Request, str], Response]
"""Answers a request of an agent, in a thread; raises `Temporary`."""


def routes(store: Store, desk: Callable[[], Desk]) -> list[BaseRoute]:
    """Return the paths below `/api/v1`."""
    shelf = Shelf(desk)

    def route(path: str, act: Act, *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            try:
                return await asyncio.to_thread(_answer, request, act)
            except Temporary:
                return JSONResponse({"error": "the database does not answer; try again"}, 503, RETRY_AFTER)

        return Route(f"/api/v1{path}", answer, methods=list(methods))

    def _answer(request: Request, act: Act) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        agent = agent_of(store, token.strip()) if kind.lower() == "bearer" and token else None
        if agent is None or agent not in desk().agents_by_id:
            words = "a token is needed: Authorization: Bearer …; make one with: frontdesk token AGENT"
            return JSONResponse({"error": words}, 401, {"WWW-Authenticate": 'Bearer realm="frontdesk"'})
        return act(request, agent)

    def why(request: Request, agent: str) -> Response:
        number: int = request.path_params["number"]
        department, at = look.department(store, number) if number <= LARGEST else None, desk()
        if department is None or (agent not in at.members(department) and len(at.agents) > 1):
            # whoever may not see it does not learn whether it is there
            return JSONResponse({"error": f"no ticket {number} in a department of yours"}, 404)
        passes = [{**one, "lines": explain(one["trace"])} for one in look.passes(store, number)]
        return JSONResponse({"ticket": number, "passes": passes})

    def solve(request: Request, agent: str) -> Response:
        try:
            found = to_solve(store, shelf.book(), agent, time.time(), look=request.method == "GET")
        except CannotActError as error:
            return JSONResponse({"error": str(error)}, 409)
        if found is None:
            return JSONResponse({"ticket": None})
        return JSONResponse({"ticket": found.ticket.number, "own": found.own, "subject": found.ticket.subject})

    return [
        route("/tickets/{number:int}/why", why, "GET"),
        route("/me/to-solve", solve, "GET", "POST"),
    ]
