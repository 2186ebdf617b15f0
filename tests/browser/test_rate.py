"""The page where customers rate, in a browser: without scripts, by keyboard, on a phone, and against axe's rules."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select
from starlette.testclient import TestClient

from ingest.arrival import Arrival, Kept
from ingest.front import Front
from tests.browser.conftest import MakeContext
from tests.path.ruled import Ruled
from tests.path.test_satisfaction import ASKING, RULES, URL, link
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.schema_told import ratings
from tickets.store import Store
from web.app import Parts, build


@pytest.fixture
def rated(tmp_path: Path) -> Iterator[Ruled]:
    store = Store(f"sqlite:///{tmp_path}/desk.sqlite3")
    store.migrate()
    yield Ruled(store, tmp_path, RULES, ASKING)
    store.close()


@pytest.fixture
def page(rated: Ruled, tmp_path: Path, make_context: MakeContext) -> Iterator[Page]:
    """Give a phone without scripts; what it asks for is answered by the application itself."""

    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    def present() -> Availability:
        return Availability(rated.at, frozenset(), 0.0)

    front = Front(lambda: rated.at, accept, present, rated.store, Blobs(FolderShelf(tmp_path)), Live())
    context = make_context(viewport={"width": 360, "height": 640}, is_mobile=True, java_script_enabled=False)
    with TestClient(build(Parts(lambda: rated.at, accept, lambda: None, bytes, front=front))) as client:

        def answer(route: Route) -> None:
            asked = route.request
            path = asked.url.removeprefix(URL)
            sent = {"content-type": asked.headers.get("content-type", "")}
            got = client.request(asked.method, path, content=asked.post_data_buffer or b"", headers=sent)
            route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

        context.route("**/*", answer)
        yield context.new_page()


def is_accessible(page: Page, make_context: MakeContext) -> None:
    """Hold what the page shows against axe's rules, in a browser that runs them."""
    judge = make_context(viewport={"width": 360, "height": 640}).new_page()
    judge.set_content(page.content())
    found = Axe().run(judge).response["violations"]
    assert found == [], [one["id"] for one in found]


def test_a_customer_rates_by_keyboard_and_changes_their_mind(
    rated: Ruled, page: Page, make_context: MakeContext
) -> None:
    number = rated.hears("My parcel <b>is late</b>")
    rated.answer(number)
    rated.acts.status(number, "luca", "resolved")
    page.goto(f"{URL}{link(rated, number)}")
    expect(page.get_by_role("heading")).to_have_text("How did Acme Support do?")
    expect(page.get_by_text("My parcel <b>is late</b>")).to_be_visible()
    expect(page.get_by_label("Good", exact=True)).to_be_checked()
    is_accessible(page, make_context)
    page.get_by_label("Good", exact=True).press("ArrowRight")
    expect(page.get_by_label("Not good")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("Too slow,\nand cold.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Your rating was saved")
    expect(page.get_by_label("Anything you want to add")).to_have_value("Too slow,\nand cold.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    is_accessible(page, make_context)
    page.get_by_label("Good", exact=True).check()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_be_visible()
    with rated.store.read() as connection:
        row = connection.execute(select(ratings)).one()
    assert (row.score, row.comment) == ("positive", "Too slow,\nand cold.")


def test_a_link_that_is_none_is_told_in_words(page: Page, make_context: MakeContext) -> None:
    page.goto(f"{URL}/rate/r.1.aaaaaaaaaaaaaaaa?score=positive")
    expect(page.get_by_role("heading")).to_have_text("This link does not work")
    is_accessible(page, make_context)
