"""The page where a customer rates a resolved ticket: plain HTML that needs no script.

Opening it stores nothing, because scanners of mail open every link; only its button does. Whoever has no good link sees one and
the same page, whether it is forged, too old or of nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from typing import Final, get_args
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ingest.channel import Refused
from ingest.front import Front
from ingest.limits import counted_address
from router.book import Shelf
from router.opened import Acted
from router.satisfaction import LONGEST_COMMENT, Asked, Satisfaction
from tickets.keys import signing_key
from tickets.rating import Score, rating_named
from tickets.trouble import Temporary
from web.body import Share, body_of
from web.frame import framed

PATH: Final = "/rate/{token}"
RATE: Final = "60/minute"
"""How often one address may look or rate."""
MOST_BYTES: Final = 32_768
SCORES: Final[tuple[Score, ...]] = get_args(Score)
_NAMES: Final[Mapping[str, str]] = {"positive": "Good", "negative": "Not good"}


def routes(front: Front, shelf: Shelf, acted: Callable[[Acted], None]) -> list[BaseRoute]:
    """Return the page's path; `acted` rings for what a rating owes."""
    page = _Page(front, shelf, acted)
    return [Route(PATH, page.answer, methods=["GET", "POST"])]


class _Page:
    """What the page answers from."""

    def __init__(self, front: Front, shelf: Shelf, acted: Callable[[Acted], None]) -> None:
        self._front = front
        self._shelf = shelf
        self._acted = acted
        self._satisfaction = Satisfaction(front.store, shelf)

    async def answer(self, request: Request) -> Response:
        """Show the rating, or keep it."""
        try:
            return await self._answered(request)
        except Refused as refusal:
            return self._says("Please try again", str(refusal), refusal.status, refusal.retry_after)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Temporary:
            return self._says(
                "Please try again", "We cannot keep your rating right now. Reload the page in a minute.", 503, 30
            )

    async def _answered(self, request: Request) -> Response:
        address = counted_address(request.client.host if request.client else None)
        if address and (seconds := await self._front.limiter.wait(RATE, "rate", address)) is not None:
            raise Refused(429, "Too many requests come from your address. Wait a while.", int(seconds))
        token: str = request.path_params["token"]
        if request.method != "POST":
            chosen = request.query_params.get("score", "")
            return await asyncio.to_thread(self._look, token, chosen)
        with Share(request.app.state.held) as share:
            body = await body_of(request, MOST_BYTES, share)
        try:
            said = parse_qs(
                body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=10, errors="replace"
            )
        except ValueError:
            said = {}
        score, comment = (said.get(name, [""])[0] for name in ("score", "comment"))
        return await asyncio.to_thread(self._rate, token, score, comment.replace("\r\n", "\n"))

    def _look(self, token: str, chosen: str) -> Response:
        number = rating_named(signing_key(self._front.store), token)
        asked = None if number is None else self._satisfaction.look(number)
        return self._nothing() if asked is None else self._shown(asked, asked.score or chosen)

    def _rate(self, token: str, score: str, comment: str) -> Response:
        number = rating_named(signing_key(self._front.store), token)
        if number is None:
            return self._nothing()
        chosen = next((one for one in SCORES if one == score), None)
        if chosen is None:
            asked = self._satisfaction.look(number)
            return self._nothing() if asked is None else self._shown(asked, "", comment, wrong=True)
        rated = self._satisfaction.rate(number, chosen, comment)
        if rated is None:
            return self._nothing()
        if rated.notices:
            self._acted(Acted(rated.ticket, notices=rated.notices))
        return self._shown(rated, chosen, kept=rated.open)

    def _shown(
        self, asked: Asked, chosen: str, comment: str | None = None, *, kept: bool = False, wrong: bool = False
    ) -> Response:
        name, about = escape(self._desk), escape(asked.subject or "your request")
        if not asked.open:
            said = f"<p>You rated “{about}”: <strong>{_NAMES[asked.score or SCORES[0]]}</strong>.</p>"
            return self._page(f"<h1>{name}</h1>\n{said}\n<p>It cannot be changed any more. Thank you!</p>", 200)
        told = (
            '<p class="told" role="status">Thank you! Your rating was saved. You can still change it.</p>'
            if kept
            else ""
        )
        told = '<p class="wrong" id="wrong" role="alert">Please choose one of the two.</p>' if wrong else told
        hint = ' aria-describedby="wrong"' if wrong else ""
        choices = "\n".join(
            f'<label class="choice"><input type="radio" name="score" value="{one}" required'
            f"{' checked' if one == chosen else ''}> {_NAMES[one]}</label>"
            for one in SCORES
        )
        words = escape((asked.comment if comment is None else comment)[:LONGEST_COMMENT])
        body = f"""<h1>How did {name} do?</h1>
<p>It is about “{about}”.</p>
{told}
<form method="post" accept-charset="utf-8">
<fieldset{hint}><legend>Your rating</legend>
{choices}
</fieldset>
<label class="words" for="comment">Anything you want to add? (optional)</label>
<textarea id="comment" name="comment" maxlength="{LONGEST_COMMENT}" rows="5">
{words}</textarea>
<button type="submit">Send</button>
</form>"""
        return self._page(body, 422 if wrong else 200)

    def _nothing(self) -> Response:
        return self._says(
            "This link does not work", "It may be too old, or not complete. You can simply reply to our mail.", 404
        )

    def _says(self, title: str, words: str, status: int, retry_after: int | None = None) -> Response:
        return self._page(f"<h1>{escape(title)}</h1>\n<p>{escape(words)}</p>", status, retry_after)

    def _page(self, body: str, status: int, retry_after: int | None = None) -> Response:
        return framed(self._desk, body, status, retry_after)

    @property
    def _desk(self) -> str:
        return self._shelf.book().desk.desk.name
