"""Customers are asked once how it was, by the way they wrote, and what they say is kept, told, and theirs alone to say."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from commands.parts import CHECKS, KINDS
from config.load import load
from ingest.arrival import Arrival, Kept
from ingest.front import Front
from router.opened import Acted
from router.satisfaction import Satisfaction
from tests.path.ruled import RULED, Ruled
from tests.path.test_chat import Guest
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.keys import signing_key
from tickets.live import Live
from tickets.rating import CHANGEABLE_SECONDS, LASTS_SECONDS, Score, rating_link, rating_named
from tickets.schema import outbox
from tickets.schema_told import ratings
from tickets.store import Store
from web.app import Parts, build

URL = "https://desk.acme.example"
ASKING = RULED.replace("domain: support.acme.example", f'domain: support.acme.example, url: "{URL}"').replace(
    "addresses: [billing@acme.example]", "ask_for_rating: 1h, addresses: [billing@acme.example]"
)
RULES = """
  - {name: Unhappy, on: [ticket.rated], when: [{rating: negative}], then: [{tag: vip}, {notify: "agent:luca"}]}
  - {name: Thanks, on: [message.received], when: [{subject: {contains: thanks}}], then: [{status: resolved}]}
"""


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Ruled:
    return Ruled(store, tmp_path, RULES, ASKING)


def resolved(front: Ruled, **said: Any) -> int:
    """Return a ticket that was answered and resolved."""
    number = front.hears("My parcel", **said)
    front.answer(number)
    front.deliver()
    front.now += 10
    front.acts.status(number, "luca", "resolved")
    return number


def asked(front: Ruled, number: int) -> list[tuple[str, str]]:
    """Return state and reason of the questions to the customer of a ticket."""
    mine = select(outbox.c.state, outbox.c.last_error, outbox.c.reason).where(
        outbox.c.ticket_id == number, outbox.c.event == "ticket.rating_asked"
    )
    with front.store.read() as connection:
        return [(one.state, one.last_error or one.reason) for one in connection.execute(mine.order_by(outbox.c.id))]


def kept(front: Ruled, number: int) -> list[Any]:
    mine = select(ratings).where(ratings.c.ticket_id == number).order_by(ratings.c.id)
    with front.store.read() as connection:
        return list(connection.execute(mine))


def links(front: Ruled, to: str = "ann@example.com") -> list[str]:
    """Return the links in the newest mail."""
    [*_, newest] = front.mails(to)
    body = newest.get_body(("plain",))
    assert body is not None
    return re.findall(r"https://\S+", body.get_content())


def test_an_hour_after_the_resolve_the_customer_gets_two_links(front: Ruled) -> None:
    number = resolved(front)
    before = len(front.mails("ann@example.com"))
    front.now += 3_500
    front.deliver()
    assert len(front.mails("ann@example.com")) == before
    front.now += 200
    front.deliver()
    [*_, mail] = front.mails("ann@example.com")
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-generated", "<1@example.com>")
    good, bad = links(front)
    assert good.startswith(f"{URL}/rate/r.")
    assert (good.endswith("?score=positive"), bad.endswith("?score=negative")) == (True, True)
    [row] = kept(front, number)
    assert (row.department, row.agent, row.score, row.asked_at is not None) == ("billing", "luca", None, True)
    assert front.last(number)["state"] == "sent"
    assert "/rate/" not in json.dumps(front.ticket(number))  # the links are the customer's alone


def test_the_department_s_own_words_ask_in_the_customer_s_language(front: Ruled, tmp_path: Path) -> None:
    words = "Subject: Com'è andata?\n\nCiao {{ first_name or customer }}, {{ agent_first_name }}: {{ positive_url }} {{ negative_url }}"
    (tmp_path / "desk/words/rating.it.txt").write_text(words, encoding="utf-8")
    front.ids += 1
    raw = b"Content-Language: it\r\nFrom: Ann Smith <ann@example.com>\r\nTo: billing@acme.example\r\nMessage-ID: <i@e>\r\n\r\nCiao\r\n"
    number = front.route(raw, "billing@acme.example")
    front.answer(number)
    front.acts.status(number, "luca", "resolved")
    front.now += 3_601
    front.deliver()
    [*_, mail] = front.mails("ann@example.com")
    assert str(mail["Subject"]) == f"Com'è andata? [#{number}]"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("Ciao Ann, Luca: https://")


def test_a_rule_that_resolves_asks_as_a_hand_does(front: Ruled) -> None:
    number = front.hears("My parcel")
    front.answer(number)
    assert front.hears("Re: thanks", answers="1@example.com") == number
    assert asked(front, number) == [("pending", "the ticket was resolved")]


@pytest.mark.parametrize("status", ["closed", "spam"])
def test_who_is_closed_or_spam_is_not_asked(front: Ruled, status: str) -> None:
    number = front.hears("My parcel")
    front.answer(number)
    front.acts.status(number, "luca", status)
    assert (asked(front, number), kept(front, number)) == ([], [])


def test_whom_nobody_answered_is_not_asked(front: Ruled) -> None:
    number = front.hears("My parcel")
    front.acts.status(number, "luca", "resolved")
    assert (asked(front, number), kept(front, number)) == ([], [])


def test_a_department_that_does_not_ask_asks_nobody(front: Ruled) -> None:
    number = front.hears("My parcel", to="support@acme.example")
    front.answer(number, "mia")
    front.acts.status(number, "mia", "resolved")
    assert (asked(front, number), kept(front, number)) == ([], [])


def test_each_time_it_is_resolved_is_asked_about_once(front: Ruled) -> None:
    number = resolved(front)
    front.acts.status(number, "luca", "closed")
    front.acts.status(number, "luca", "resolved")
    assert len(kept(front, number)) == 1
    front.now += 90_000
    front.deliver()
    front.acts.status(number, "luca", "open")
    front.acts.status(number, "luca", "resolved")
    assert len(kept(front, number)) == 2


def test_a_ticket_that_goes_on_is_not_asked_about(front: Ruled) -> None:
    number = resolved(front)
    front.hears("Re: My parcel", answers="1@example.com", text="It has not come!")
    front.now += 3_700
    front.deliver()
    assert asked(front, number) == [("suppressed", "not sent: the ticket is not resolved any more")]
    assert kept(front, number)[0].asked_at is None


def test_programs_and_addresses_nobody_reads_are_not_asked_and_the_ledger_says_why(front: Ruled) -> None:
    number = resolved(front, sender="no-reply@example.com")
    assert asked(front, number) == [("suppressed", "not sent: nobody reads what is sent to that address")]
    assert "ticket.rating_withheld" in front.events(number)
    assert kept(front, number) == []


def test_nobody_is_asked_twice_a_day(front: Ruled) -> None:
    first, second = resolved(front), resolved(front, text="another thing")
    assert asked(front, first)[0][0] == "pending"
    assert asked(front, second) == [("suppressed", "not sent: the customer was asked within a day")]


def test_without_a_public_url_nobody_is_asked_by_mail_and_check_says_so(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RULES, ASKING.replace(f', url: "{URL}"', ""))
    assert asked(front, resolved(front)) == []
    found = load(tmp_path / "desk" / "desk.yaml", KINDS, CHECKS)
    assert any("without desk.url nobody is asked" in str(one) for one in found.warnings)


def test_on_a_platform_the_question_goes_as_a_message(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RULES, ASKING)
    update = {
        "update_id": 1,
        "message": {
            "message_id": 1, "date": 1, "text": "Hi", "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "first_name": "Ann"},
        },
    }  # fmt: skip
    number = front.payload("bot", json.dumps(update).encode()).ticket
    assert number is not None
    front.answer(number)
    front.acts.status(number, "luca", "resolved")
    front.deliver()
    front.now += 3_601
    front.deliver()
    assert [name for name, _ in front.sent] == ["bot", "bot"]
    assert f"Good: {URL}/rate/r." in front.sent[-1][1].text
    assert asked(front, number)[0][0] == "sent"


def test_in_a_chat_the_window_asks_and_what_is_said_there_is_the_same_rating(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RULES, ASKING.replace("type: chat,", "type: chat, department: billing,"))
    guest = Guest(front)
    number = guest.says(name="Vera")
    front.answer(number)
    front.acts.status(number, "luca", "resolved")
    assert asked(front, number) == []
    assert guest.does("rate", score="bad", comment="Slow") == number
    [row] = kept(front, number)
    assert (row.score, row.comment, row.agent, row.rated_at) == ("negative", "Slow", "luca", front.now)
    assert guest.does("rate", score="good") == number
    assert [(one.score, one.comment) for one in kept(front, number)] == [("positive", None)]
    said = [one["data"] for one in front.ticket(number)["history"] if one["event"] == "ticket.rated"]
    assert said == [{"score": "negative", "comment": "Slow", "rating": row.id}, {"score": "positive", "rating": row.id}]
    front.now += CHANGEABLE_SECONDS + 1
    guest.does("rate", score="bad")
    assert kept(front, number)[0].score == "positive"


def test_who_rated_before_the_resolve_is_not_asked_again(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RULES, ASKING.replace("type: chat,", "type: chat, department: billing,"))
    guest = Guest(front)
    number = guest.says(name="Vera", email="vera@example.com")
    front.answer(number)
    guest.does("rate", score="good")
    front.acts.status(number, "luca", "resolved")
    assert asked(front, number) == []
    assert len(kept(front, number)) == 1


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.fixture
def acted() -> list[Acted]:
    return []


@pytest.fixture
def client(front: Ruled, tmp_path: Path, acted: list[Acted]) -> Iterator[TestClient]:
    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    def present() -> Availability:
        return Availability(front.at, frozenset(), 0.0)

    front.now = time.time()
    behind = Front(lambda: front.at, accept, present, front.store, Blobs(FolderShelf(tmp_path / "b")), Live())
    parts = Parts(lambda: front.at, accept, lambda: None, bytes, front=behind, acted=acted.append)
    with TestClient(build(parts)) as made:
        yield made


def link(front: Ruled, number: int) -> str:
    """Return path and query of the link for a good rating of a ticket that was resolved last."""
    parts = urlsplit(rating_link(signing_key(front.store), URL, kept(front, number)[-1].id, "positive"))
    return f"{parts.path}?{parts.query}"


def test_looking_stores_nothing_and_the_button_does(front: Ruled, client: TestClient, acted: list[Acted]) -> None:
    number = resolved(front)
    page = client.get(link(front, number))
    assert page.status_code == 200
    assert 'value="positive" required checked' in page.text
    assert kept(front, number)[0].score is None
    sent = client.post(link(front, number), data={"score": "negative", "comment": "Too slow.\r\n<b>Really</b>"})
    assert sent.status_code == 200
    assert "Thank you! Your rating was saved." in sent.text
    assert "&lt;b&gt;Really&lt;/b&gt;" in sent.text
    [row] = kept(front, number)
    assert (row.score, row.comment) == ("negative", "Too slow.\n<b>Really</b>")
    assert front.events(number).count("ticket.rated") == 1
    assert front.ticket(number)["tags"] == ["vip"]  # the rules heard it
    assert front.ticket(number)["status"] == "resolved"
    assert [one.ticket for one in acted if one.notices] == [number]


def test_a_rating_may_be_changed_for_a_week_and_saying_it_twice_is_once(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    for score in ("negative", "negative", "positive"):
        assert client.post(link(front, number), data={"score": score}).status_code == 200
    assert front.events(number).count("ticket.rated") == 2
    [row] = kept(front, number)
    assert (row.score, row.changed_at >= row.rated_at) == ("positive", True)
    late = Satisfaction(front.store, front.shelf, lambda: row.rated_at + CHANGEABLE_SECONDS + 1)
    refused = late.rate(row.id, "negative", "after all")
    assert refused is not None
    assert (refused.open, refused.score) == (False, "positive")
    assert kept(front, number)[0].score == "positive"


def test_the_agent_who_has_the_ticket_is_told_of_its_rating(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    client.post(link(front, number), data={"score": "positive"})
    mine = select(outbox.c.recipient, outbox.c.notifier, outbox.c.word).where(outbox.c.event == "ticket.rated")
    with front.store.read() as connection:
        assert ("luca", "in_app", "rated") in [tuple(row) for row in connection.execute(mine)]


def test_a_rule_may_ask_for_the_score(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    client.post(link(front, number), data={"score": "positive"})
    assert front.ticket(number)["tags"] == []
    client.post(link(front, number), data={"score": "negative"})
    assert front.ticket(number)["tags"] == ["vip"]


def test_a_rated_ticket_is_not_asked_about_any_more(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    client.post(link(front, number), data={"score": "positive"})
    front.now += 3_700
    front.deliver()
    assert asked(front, number) == [("suppressed", "not sent: the customer has rated already")]


def test_whatever_is_no_good_link_is_one_and_the_same_page(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    good, old = link(front, number), kept(front, number)[0]
    forged = [
        good.replace("/r.1.", "/r.2."), f"{good.partition('?')[0]}a", good.replace("/r.", "/t."), "/rate/r.1", "/rate/x" * 1,
        good.upper().replace("/RATE/", "/rate/"), "/rate/r.99999999999999999999.aaaaaaaaaaaaaaaa",
        urlsplit(rating_link(signing_key(front.store), URL, 4711, "positive")).path,
    ]  # fmt: skip
    pages = {
        (page.status_code, page.text)
        for one in forged
        for page in (client.get(one), client.post(one, data={"score": "positive"}))
    }
    assert len(pages) == 1
    assert next(iter(pages))[0] == 404
    assert kept(front, number)[0].score is None
    gone = Satisfaction(front.store, front.shelf, lambda: old.resolved_at + LASTS_SECONDS + 1)
    assert (gone.look(old.id), gone.rate(old.id, "positive", "")) == (None, None)


def test_a_rating_without_a_score_is_asked_for_it_and_keeps_the_words(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    for data in ({"comment": "only words"}, {"score": "great", "comment": "only words"}):
        page = client.post(link(front, number), data=data)
        assert page.status_code == 422
        assert "Please choose one of the two" in page.text
        assert "only words" in page.text
    assert kept(front, number)[0].score is None


def test_the_page_runs_nothing_and_leaks_nothing(front: Ruled, client: TestClient) -> None:
    number = front.hears('</p><script src="//evil">"\'', sender="ann@example.com")
    front.answer(number)
    front.acts.status(number, "luca", "resolved")
    page = client.get(link(front, number))
    assert "<script" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_a_comment_is_cut_and_a_huge_body_refused(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    client.post(link(front, number), data={"score": "positive", "comment": "x" * 5_000 + "\0"})
    assert kept(front, number)[0].comment == "x" * 2_000
    assert client.post(link(front, number), data={"score": "positive", "comment": "x" * 50_000}).status_code == 413


def test_a_merged_ticket_s_rating_stands_where_it_went(front: Ruled, client: TestClient) -> None:
    number = resolved(front)
    address = link(front, number)
    other = front.hears("Another", text="something else")
    front.acts.merge(number, "luca", other)
    assert client.post(address, data={"score": "positive"}).status_code == 200
    assert "ticket.rated" in front.events(other)


def test_two_clicks_at_once_are_one_after_the_other(front: Ruled) -> None:
    number = resolved(front)
    satisfaction, rating = Satisfaction(front.store, front.shelf, lambda: front.now), kept(front, number)[0].id
    said: list[tuple[Score, str]] = [("positive", "a"), ("negative", "b"), ("positive", "a"), ("negative", "b")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: satisfaction.rate(rating, *one), said))
    told = [line["data"] for line in front.ticket(number)["history"] if line["event"] == "ticket.rated"]
    assert all(one["score"] != other["score"] for one, other in pairwise(told))
    [row] = kept(front, number)
    assert (row.score, row.comment) == (told[-1]["score"], told[-1]["comment"])


def test_a_token_is_of_this_desk_and_of_one_rating() -> None:
    address = rating_link(b"k" * 32, URL, 17, "negative")
    token = urlsplit(address).path.rpartition("/")[2]
    assert rating_named(b"k" * 32, token) == 17
    assert rating_named(b"x" * 32, token) is None
