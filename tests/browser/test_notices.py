"""The page of an agent's notices: live, read here and elsewhere, shown by the worker when it is pushed, and quiet about secrets."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import update

from tests.browser.conftest import MakeContext
from tests.browser.places import SECONDS, ChatDesk
from tests.chaos.desk_process import until
from tests.telling import change, owe, seen_at
from tickets.schema import conversations
from tickets.store import Store
from tickets.tokens import make, revoke


@pytest.fixture
def store(desk: ChatDesk) -> Iterator[Store]:
    """Give the store of the desk that runs."""
    made = Store(desk.process.database)
    yield made
    made.close()


@pytest.fixture
def ticket(desk: ChatDesk, store: Store) -> int:
    """Give a ticket of a visitor who writes what could be a page, and whom nobody misses however long the story takes."""
    words = f"<b>Where</b> is my order {uuid4().hex}?"
    said = {"visitor": uuid4().hex, "client_msg_id": uuid4().hex, "text": words}
    httpx2.post(f"{desk.origin}/chat/plain/messages", json=said).raise_for_status()
    number = int(desk.ticket(words)["id"])
    with store.write() as connection:
        connection.execute(update(conversations).where(conversations.c.ticket_id == number).values(waits_until=None))
    return number


@pytest.fixture
def page(make_context: MakeContext) -> Page:
    """Give a page of a browser that may show notifications."""
    context = make_context(permissions=["notifications"])
    return context.new_page()


def enter(page: Page, desk: ChatDesk, token: str) -> None:
    page.goto(f"{desk.origin}/notices")
    page.get_by_label("Your token").fill(token)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("button", name="Mark all as read")).to_be_visible()


def test_a_notice_stands_there_at_once_as_text_and_goes_when_it_is_read_anywhere(
    desk: ChatDesk, store: Store, page: Page, ticket: int
) -> None:
    token = make(store, "sona", 1.0)
    enter(page, desk, token)
    row = owe(store, ticket, "sona", reason="<img src=x> asked")
    item = page.locator(f"#ticket-{ticket}")
    expect(item).to_contain_text("Customer replied")
    expect(item).to_contain_text(f"#{ticket} <b>Where</b> is my order")
    expect(item).to_contain_text("<img src=x> asked")
    assert page.title().startswith("(")
    found = Axe().run(page).response["violations"]
    assert not found, json.dumps(found, indent=1)
    page.get_by_role("button", name=f"Mark ticket {ticket} as read").click()
    expect(item).to_have_count(0)
    assert seen_at(store, row)
    second = owe(store, ticket, "sona")
    expect(item).to_have_count(1)
    change(store, second, seen_at=5.0)  # on another device
    expect(item).to_have_count(0)


def test_the_token_is_gone_with_the_tab_and_at_once_when_it_is_worth_nothing(
    desk: ChatDesk, store: Store, page: Page, ticket: int
) -> None:
    owe(store, ticket, "luca")
    enter(page, desk, make(store, "luca", 1.0))
    page.reload()
    expect(page.locator(f"#ticket-{ticket}")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
    revoke(store, "luca", 2.0)
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_label("Your token")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("a token is needed")
    expect(page.locator("li")).to_have_count(0)
    assert page.evaluate("sessionStorage.length") == 0
    page.get_by_label("Your token").fill("fd_guess")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("status")).to_contain_text("a token is needed")


def test_a_link_in_a_notice_leads_to_what_was_said_and_who_opens_it_has_read_it(
    desk: ChatDesk, store: Store, page: Page, ticket: int
) -> None:
    row = owe(store, ticket, "sona")
    page.goto(f"{desk.origin}/tickets/{ticket}")
    page.get_by_label("Your token").fill(make(store, "sona", 1.0))
    page.get_by_role("button", name="Show").click()
    said = page.get_by_role("list", name="What was said")
    expect(said).to_contain_text("<b>Where</b> is my order")
    expect(page.get_by_role("heading")).to_contain_text(f"#{ticket}")
    until(lambda: seen_at(store, row), SECONDS, "the notice counts as read")
    found = Axe().run(page).response["violations"]
    assert not found, json.dumps(found, indent=1)
    page.goto(f"{desk.origin}/tickets/999999")
    expect(page.get_by_role("status")).to_contain_text("no ticket 999999 in a department of yours")


def test_the_worker_shows_what_is_pushed(desk: ChatDesk, store: Store, page: Page) -> None:
    enter(page, desk, make(store, "sona", 1.0))
    wire = page.context.new_cdp_session(page)
    registered: list[Any] = []
    wire.on("ServiceWorker.workerRegistrationUpdated", lambda said: registered.extend(said["registrations"]))
    page.evaluate("async () => { while (!(await navigator.serviceWorker.getRegistration('/notices'))?.active); }")
    wire.send("ServiceWorker.enable")
    said = {"title": "Assigned to you", "body": "#17: x", "tag": "ticket-17", "url": f"{desk.origin}/notices#ticket-17"}
    until(lambda: page.evaluate("1") and registered, SECONDS, "the registration of the worker")
    push = {"origin": desk.origin, "registrationId": registered[0]["registrationId"], "data": json.dumps(said)}
    wire.send("ServiceWorker.deliverPushMessage", push)
    told = "async () => { const r = await navigator.serviceWorker.getRegistration('/notices');"
    told += " return (await r.getNotifications()).map((one) => [one.title, one.body, one.tag, one.data.url]); }"
    found = until(lambda: page.evaluate(told), SECONDS, "the notification")
    assert found == [[said["title"], said["body"], said["tag"], said["url"]]]


def test_the_page_runs_nothing_but_its_own_files_and_stands_in_no_frame(desk: ChatDesk) -> None:
    answer = httpx2.get(f"{desk.origin}/notices")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    worker = httpx2.get(f"{desk.origin}/notices/sw.js")
    assert worker.headers["service-worker-allowed"] == "/notices"
    assert httpx2.get(f"{desk.origin}/notices/page.py").status_code == 404
    assert httpx2.get(f"{desk.origin}/notices/..%2fapi.py").status_code == 404
