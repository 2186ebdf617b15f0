"""What an agent chose to be told, and what counts: read, replaced as a whole, and given up, so that the desk file counts again."""

import time
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from config.notices import Choices
from tickets.matrix import matrix
from tickets.preferences import choose, chosen, written
from web.api import Api, Asked, fitting


def routes(api: Api) -> list[BaseRoute]:
    """Return the path `/api/v1/me/preferences`."""

    def answer(asked: Asked) -> Response:
        if asked.method == "PUT":
            said = asked.json()
            fitting(Choices, said)
            _keep(api, asked.agent, {key: value for key, value in said.items() if value is not None})
        elif asked.method == "DELETE":
            _keep(api, asked.agent, {})
        return JSONResponse(_document(api, asked))

    return [api.route("/me/preferences", answer, "GET", "PUT", "DELETE")]


def _keep(api: Api, agent: str, said: dict[str, Any]) -> None:
    with api.store.write() as connection:
        choose(connection, agent, said, time.time())


def _document(api: Api, asked: Asked) -> dict[str, Any]:
    with api.store.write() as connection:  # it holds a lock for those who change only a part
        own = written(connection, asked.agent)
    known = chosen(api.store)
    return {
        "own": own,
        "counts": matrix(asked.desk, known, asked.agent).as_json(),
        "paused": {way: why for (agent, way), why in known.paused.items() if agent == asked.agent},
    }
