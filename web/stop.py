"""The link in a notice by mail by which its agent stops others like it (RFC 8058): looking changes nothing, one POST does.

Mail scanners follow links, so GET only shows a button. Whoever has the link may stop these mails, and have them again.
"""

import asyncio
import time
from collections.abc import Callable
from html import escape
from typing import Any, Final, cast

from sqlalchemy import Connection, or_, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from config.desk import Desk
from config.notices import Whose, Word
from tickets.keys import signing_key
from tickets.preferences import chosen_in, resume, stop
from tickets.reply_address import linked
from tickets.schema import outbox
from tickets.store import Store
from tickets.trouble import Temporary
from web.frame import framed

OF: Final[dict[Word, str]] = {
    "new": "a department has a new ticket, or one that nobody has any more",
    "reopened": "a ticket is reopened",
    "assigned": "a ticket is assigned",
    "taken": "a ticket is taken",
    "replied": "a customer replied",
    "colleague": "a colleague wrote",
    "chat_ringing": "a chat is ringing",
    "chat_message": "there is a new message in a chat",
    "chat_missed": "a chat was missed",
    "sla_warning": "an answer is due soon",
    "sla_breached": "an answer is overdue",
    "unassigned_too_long": "a ticket waits too long",
    "undelivered": "an answer could not be delivered",
    "rated": "a customer rated a ticket",
}
WHERE: Final[dict[Whose, str]] = {
    "mine": "in your tickets",
    "unassigned": "while nobody in your departments has it",
    "others": "in colleagues' tickets",
    "followed": "in tickets you follow",
}
_BUTTON: Final = '<form method="post" action="{action}"><button>{words}</button></form>'

Told = list[tuple[Word, Whose]]


def routes(store: Store, desk: Callable[[], Desk]) -> list[BaseRoute]:
    """Return the path of the link; trouble with the database is 503, and whoever pressed the button presses it again."""

    async def answer(request: Request) -> Response:
        try:
            return await asyncio.to_thread(_answered, request, store, desk())
        except Temporary:
            return _page("Please try again in a minute", "<p>Nothing was changed.</p>", 503, 30)

    return [Route("/notices/stop/{token}", answer, methods=["GET", "POST"])]


def _answered(request: Request, store: Store, desk: Desk) -> Response:
    notice = linked(signing_key(store), request.path_params["token"])
    again, now = "again" in request.query_params, time.time()
    agent, told, stopped = "", list[tuple[Word, Whose]](), request.method == "POST" and not again
    if notice is None:
        pass
    elif request.method == "POST":
        with store.write() as connection:
            agent, told = _of(connection, notice)
            if agent in desk.agents_by_id and told:
                (resume if again else stop)(connection, desk, agent, "email", told, now)
    else:
        with store.read() as connection:
            agent, told = _of(connection, notice)
            choices = chosen_in(connection).of(desk, agent)
            stopped = not any("email" in choices.told(*one) for one in told)
    if agent not in desk.agents_by_id or not told:
        return _page("This link does not work", "<p>It is not whole, or its agent or notice is gone.</p>", 404)
    what = "".join(f"<li>{escape(OF[word])}, {escape(WHERE[whose])}</li>" for word, whose in told)
    listed = f"<ul>{what}</ul>"
    name = escape(desk.agents_by_id[agent].name)
    if request.method != "POST" and not stopped:
        button = _BUTTON.format(action="?", words="Stop these mails")
        return _page("Stop these mails?", f"<p>{name}, you get a mail when</p>{listed}{button}")
    if not stopped:
        return _page("You get these mails again", f"<p>{name}, you get a mail when</p>{listed}")
    undo = _BUTTON.format(action="?again", words="Have them again")
    aside = (
        "<p>Nothing else changes: other notices and other ways to you stay as they are, and where another way fails "
        "a mail may still stand in for it. Was it a mistake?</p>"
    )
    return _page("These mails are stopped", f"<p>{name}, you get no more mail when</p>{listed}{aside}{undo}")


def _of(connection: Connection, notice: int) -> tuple[str, Told]:
    """Return whom a notice told, and what it and those that went out in the same mail were of; nothing when it is gone."""
    row = connection.execute(select(outbox).where(outbox.c.id == notice, outbox.c.notifier == "email")).first()
    if row is None:
        return "", []
    same = (outbox.c.recipient == row.recipient, outbox.c.notifier == row.notifier, outbox.c.sent_at == row.sent_at)
    beside = select(outbox.c.word, outbox.c.whose).where(
        or_(outbox.c.id == row.id, outbox.c.id.in_(_together(row, same))), outbox.c.word.is_not(None)
    )
    said = dict.fromkeys((one.word, one.whose) for one in connection.execute(beside.order_by(outbox.c.id)))
    return row.recipient, [cast(tuple[Word, Whose], one) for one in said if one[0] in OF and one[1] in WHERE]


def _together(row: Any, same: tuple[Any, ...]) -> Any:
    return select(outbox.c.id).where(*same, outbox.c.state == "sent", outbox.c.provider_id == row.provider_id)


def _page(title: str, body: str, status: int = 200, retry_after: int | None = None) -> Response:
    return framed(title, f"<h1>{escape(title)}</h1>\n{body}", status, retry_after)
