"""Errands: every file a message names lies beside it in the end, or words why not, whatever dies in between."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from config.desk import Desk
from ingest import channel as channels
from ingest import errands as module
from ingest.channel import find
from ingest.errands import ATTEMPTS, BELL_SECONDS, LEASE_SECONDS, Errand, Errands, Ran, owed
from ingest.outbound import Outbound
from ingest.virus import PATIENCE_SECONDS, Scanner
from tests.channels.sending import Platform, platform
from tests.clamd import EICAR, clamd
from tests.desks import HEAD, desk
from tests.outside import World, page
from tests.path.answering import Answering
from tickets import look
from tickets.blobs import Blobs
from tickets.message import Attachment, InboundMessage, Sender
from tickets.schema import contacts, entries, errands, files
from tickets.store import Store
from tickets.trouble import Temporary

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture" * 20
PAGE, ANN = "1044", "7311"
CHANNELS = """
  - {name: page, type: facebook, app_secrets: ["env:S"], verify_tokens: ["env:S"], pages: {1044: "env:S"}, base_url: <BASE>}
  - {name: bob, type: telegram, secret: "env:S", token: "env:S", base_url: <BASE>}
tags:"""


class Fetching(Answering):
    """A front desk that runs errands, in a small world."""

    def __init__(self, store: Store, at: Desk, folder: Path, world: World) -> None:
        super().__init__(store, at, folder)
        self.world = world
        self.runner = self.another()

    def another(self, scanner: Scanner | None = None) -> Errands:
        """Return what another process runs errands with."""
        return Errands(
            self.store,
            lambda: self.at,
            self.blobs,
            scanner,
            clock=lambda: self.now,
            jitter=lambda: 1.0,
            outbound=lambda at: Outbound(own=channels.origins(at), resolve=self.world.resolve, trust=self.world.trust),
        )

    def comes(self, channel: str, raw: bytes) -> tuple[int, tuple[int, ...]]:
        """Route a payload; return its ticket and the errands to ring for."""
        routed = self.payload(channel, raw)
        assert routed.ticket is not None
        return routed.ticket, routed.errands

    def row(self, number: int) -> Any:
        """Return an errand."""
        with self.store.read() as connection:
            return connection.execute(select(errands).where(errands.c.id == number)).one()

    def files(self) -> list[Any]:
        """Return every file."""
        with self.store.read() as connection:
            return list(connection.execute(select(files).order_by(files.c.created_at, files.c.id)))

    def parts(self, ticket: int) -> list[dict[str, Any]]:
        """Return the attachments of a ticket's newest entry."""
        found: list[dict[str, Any]] = self.last(ticket)["attachments"]
        return found

    def names(self, ticket: int) -> tuple[str, str, list[str]]:
        """Return what the contact and the ticket's customer are called, and who said each entry."""
        with self.store.read() as connection:
            [contact] = connection.scalars(select(contacts.c.name))
        whole = self.ticket(ticket)
        return contact, whole["contact"]["name"], [one["author_name"] for one in whole["entries"]]


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Run a platform that takes what a test scripts."""
    monkeypatch.setenv("S", "t")
    with platform([]) as made:
        yield made
        assert made.wrong == []
        assert made.taken == len(made.script)


@pytest.fixture
def front(store: Store, tmp_path: Path, local: Platform, world: World) -> Fetching:
    at = desk(HEAD.replace("\ntags:", CHANNELS.replace("<BASE>", local.base)))
    world.known["127.0.0.1"] = ("127.0.0.1",)  # the platform, an origin of the operator
    return Fetching(store, at, tmp_path, world)


def update_of(message_id: int = 12, **what: Any) -> bytes:
    """Return an update of Telegram with a message of Ann's."""
    ann = {"id": 7, "is_bot": False, "first_name": "Ann"}
    said = {"message_id": message_id, "date": 1795348800, "from": ann, "chat": {"id": 7, "type": "private"}, **what}
    return json.dumps({"update_id": 9000 + message_id, "message": said}).encode()


def photo(message_id: int = 12, file_id: str = "AgAC") -> bytes:
    return update_of(message_id, photo=[{"file_id": file_id, "width": 90, "height": 90, "file_size": 5}])


def event(mid: str, *urls: str, kind: str = "image", **what: Any) -> bytes:
    """Return a delivery of Messenger with a message of Ann's."""
    attached = [{"type": kind, "payload": {"url": url}} for url in urls]
    message = {"mid": mid, **({"attachments": attached} if urls else {}), **what}
    one = {"sender": {"id": ANN}, "recipient": {"id": PAGE}, "timestamp": 1795348800000, "message": message}
    return json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": [one]}]}).encode()


def gives(local: Platform, data: bytes = PNG, file_id: str = "AgAC", **answer: Any) -> None:
    """Let Telegram give out a file: where it is, then its bytes."""
    where = {"expect": {"method": "POST", "path": "/bott/getFile", "json": {"file_id": file_id}}}
    local.script.append({**where, "answer": {"json": {"ok": True, "result": {"file_path": "photos/1.jpg"}}}})
    got = {"expect": {"method": "GET", "path": "/file/bott/photos/1.jpg"}}
    local.script.append({**got, "answer": {"base64": b64encode(data).decode(), **answer}})


def refuses(local: Platform, status: int, file_id: str = "AgAC", **told: Any) -> None:
    """Let Telegram refuse a file."""
    answer = {"status": status, "json": {"ok": False, "error_code": status, **told}}
    local.script.append(
        {"expect": {"method": "POST", "path": "/bott/getFile", "json": {"file_id": file_id}}, "answer": answer}
    )


def named(local: Platform, answer: Any) -> None:
    """Let Meta be asked for Ann's name."""
    path = f"/v25.0/{ANN}?fields=name,first_name"
    local.script.append({"expect": {"method": "GET", "path": path}, "answer": answer})


def done(kind: str = "file", channel: str = "bob") -> tuple[str, str, str]:
    return "done", kind, channel


def came_to(ran: Ran | None) -> tuple[str, str, str] | None:
    return None if ran is None else (ran.outcome, ran.kind, ran.channel)


# --- what is owed ------------------------------------------------------------------------------------------------------


def message(*attachments: Attachment, name: str = "Ann", **more: Any) -> InboundMessage:
    sender = Sender(id=ANN, name=name)
    return InboundMessage(
        channel="any", external_id="1", conversation="1", sender=sender, attachments=attachments, **more
    )


@pytest.mark.parametrize(
    ("word", "said", "found"),
    [
        ("telegram", message(Attachment(type="image", url="telegram:A")), [Errand("file", 0, "telegram:A")]),
        ("facebook", message(Attachment(type="image", url="https://a/b")), [Errand("file", 0, "https://a/b")]),
        ("facebook", message(Attachment(type="image", url="http://a/b")), []),
        ("facebook", message(Attachment(type="story_mention", url="https://a/b")), []),
        ("facebook", message(Attachment(type="share", url="https://a/b")), []),
        ("telegram", message(Attachment(type="location", url="geo:1,2")), []),
        ("telegram", message(Attachment(type="contact", url="tel:+49")), []),
        ("telegram", message(Attachment(type="file")), []),
        ("chat", message(Attachment(type="file", url="chat:abc")), []),
        ("smtp", message(Attachment(type="file"), name=""), []),
        (
            "telegram",
            message(Attachment(type="file"), Attachment(type="sticker", url="telegram:S")),
            [Errand("file", 1, "telegram:S")],
        ),
        ("facebook", message(name=""), [Errand("name", 0, ANN)]),
        ("facebook", message(name="", kind="echo"), []),
        ("facebook", message(name="").model_copy(update={"sender": Sender(id="")}), []),
        ("telegram", message(name=""), []),  # it has no way to ask
    ],
)  # fmt: skip
def test_what_is_owed_for_a_message(word: str, said: InboundMessage, found: list[Errand]) -> None:
    assert owed(find(word), said) == found


# --- files -------------------------------------------------------------------------------------------------------------


def test_a_file_is_fetched_and_lies_beside_its_entry(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("bob", photo())
    gives(local)
    ran = front.runner.run(errand)
    assert came_to(ran) == done()
    assert ran is not None
    assert ran.conversation == "bob/:7"
    [kept] = front.files()
    assert (kept.filename, kept.content_type, kept.size, kept.owner) == ("1.jpg", "image/png", len(PNG), "bob/:7")
    assert front.blobs.get(kept.stored) == PNG
    [part] = front.parts(ticket)
    assert part == {
        **part,
        "file": kept.id,
        "filename": "1.jpg",
        "content_type": "image/jpeg",
        "sniffed": "image/png",
        "size": len(PNG),
        "sha256": sha256(PNG).hexdigest(),
        "dangerous": False,
        "url": "telegram:AgAC",
    }
    assert (front.row(errand).state, front.row(errand).attempts) == ("done", 1)
    assert front.runner.run(errand) is None


def test_a_program_that_says_it_is_a_picture_is_dangerous(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("bob", photo())
    gives(local, b"MZ\x90\0\3\0\0\0" + b"\0" * 80)
    front.runner.run(errand)
    [part] = front.parts(ticket)
    assert (part["dangerous"], part["sniffed"]) == (True, "application/vnd.microsoft.portable-executable")


@pytest.mark.usefixtures("loopback_is_outside")
def test_files_of_one_message_may_come_at_the_same_moment(front: Fetching, world: World) -> None:
    there = world.serve(page(PNG, Content_Type="image/png"), names=["cdn.example"])
    ticket, found = front.comes("page", event("m_1", *(there.url(f"/{n}.png") for n in range(6))))
    with ThreadPoolExecutor(6) as pool:
        assert {came_to(ran) for ran in pool.map(front.runner.run, found[:6])} == {done(channel="page")}
    parts = front.parts(ticket)
    assert len({part["file"] for part in parts}) == 6
    assert {part["file"] for part in parts} == {row.id for row in front.files()}
    assert there.header("authorization") is None


@pytest.mark.usefixtures("loopback_is_outside")
def test_a_server_says_what_its_file_is_where_the_platform_does_not(front: Fetching, world: World) -> None:
    disposition = 'attachment; filename="../Offer 12.pdf"'
    there = world.serve(
        page(b"%PDF-1.7", Content_Type="Application/PDF; x=y", Content_Disposition=disposition), names=["cdn.example"]
    )
    ticket, [errand, *_] = front.comes("page", event("m_1", there.url("/f"), kind="file"))
    front.runner.run(errand)
    [part] = front.parts(ticket)
    assert (part["content_type"], part["filename"]) == ("application/pdf", "../Offer 12.pdf")
    assert [row.filename for row in front.files()] == ["Offer 12.pdf"]


def test_a_story_that_mentions_the_business_is_never_copied(front: Fetching) -> None:
    ticket, found = front.comes("page", event("m_1", "https://cdn.example/s", kind="story_mention"))
    assert [front.row(one).kind for one in found] == ["name"]
    assert front.parts(ticket)[0]["type"] == "story_mention"


def test_what_a_platform_refuses_for_good_is_told_on_the_attachment(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("bob", photo())
    refuses(local, 400, description="Bad Request: file is too big")
    assert came_to(front.runner.run(errand)) == ("failed", "file", "bob")
    row, [part] = front.row(errand), front.parts(ticket)
    assert row.state == "failed"
    assert "too big" in row.last_error
    assert part["missing"] == row.last_error
    assert "file" not in part
    assert front.runner.run(errand) is None


@pytest.mark.usefixtures("loopback_is_outside")
def test_a_url_into_our_own_network_is_never_asked(front: Fetching, world: World) -> None:
    world.known["inside.example"] = ("10.0.0.1",)
    ticket, [errand, *_] = front.comes("page", event("m_1", "https://inside.example/a"))
    assert came_to(front.runner.run(errand)) == ("failed", "file", "page")
    assert front.parts(ticket)[0]["missing"] == "inside.example has no public address; nothing was asked there"


def test_a_message_that_was_taken_back_is_not_fetched(front: Fetching) -> None:
    ticket, [errand] = front.comes("bob", photo())
    with front.store.write() as connection:
        connection.execute(update(entries).values(deleted_at=front.now))
    assert came_to(front.runner.run(errand)) == ("failed", "file", "bob")
    assert front.parts(ticket)[0]["missing"] == "its sender has taken the message back"


# --- again -------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_had_now_is_asked_for_again_after_growing_waits(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("bob", photo())
    waits = []
    for _ in range(4):
        refuses(local, 500)
        assert came_to(front.runner.run(errand)) == ("again", "file", "bob")
        row = front.row(errand)
        assert front.runner.run(errand) is None  # not before its time
        waits.append(row.not_before - front.now)
        front.now = row.not_before
    assert waits == [20, 60, 180, 540]
    assert "500" in row.last_error
    gives(local)
    assert came_to(front.runner.run(errand)) == done()
    assert "missing" not in front.parts(ticket)[0]
    assert front.row(errand).last_error is None


def test_the_wait_a_platform_asks_for_is_respected(front: Fetching, local: Platform) -> None:
    _, [errand] = front.comes("bob", photo())
    refuses(local, 429, parameters={"retry_after": 77})
    front.runner.run(errand)
    assert front.row(errand).not_before == front.now + 77


def test_after_many_attempts_it_is_given_up_with_words(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("bob", photo())
    begun = front.now
    for attempt in range(ATTEMPTS):
        refuses(local, 500)
        ran = front.another().run(errand)
        assert ran is not None
        assert ran.outcome == ("failed" if attempt + 1 == ATTEMPTS else "again")
        front.now = front.row(errand).not_before
    assert 2 * 86_400 < front.now - begun < 3 * 86_400
    assert front.parts(ticket)[0]["missing"].startswith(f"given up after {ATTEMPTS} attempts: ")


def test_a_process_that_dies_each_time_ends_it_as_well(front: Fetching) -> None:
    ticket, [errand] = front.comes("bob", photo())
    with front.store.write() as connection:
        connection.execute(update(errands).values(attempts=ATTEMPTS))
    assert came_to(front.runner.run(errand)) == ("failed", "file", "bob")
    assert front.parts(ticket)[0]["missing"] == f"{ATTEMPTS} attempts ended without an answer"


def test_a_channel_that_left_the_desk_file_may_come_back(front: Fetching, local: Platform) -> None:
    _, [errand] = front.comes("bob", photo())
    before, front.at = front.at, desk()
    assert came_to(front.runner.run(errand)) == ("again", "file", "bob")
    front.at, front.now = before, front.row(errand).not_before
    gives(local)
    assert came_to(front.runner.run(errand)) == done()


def test_a_defect_of_a_channel_is_no_end(front: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    _, [errand] = front.comes("bob", photo())
    monkeypatch.setattr("ingest.channels.telegram.fetch", lambda *_: 1 / 0)
    assert came_to(front.runner.run(errand)) == ("again", "file", "bob")
    assert front.row(errand).last_error.startswith("ZeroDivisionError")


def test_a_platform_that_answers_with_errors_is_left_alone(front: Fetching, local: Platform) -> None:
    found = [front.comes("bob", photo(n, f"A{n}"))[1][0] for n in range(1, 13)]
    for n in range(1, 6):
        refuses(local, 500, f"A{n}")
    assert [came_to(front.runner.run(one)) for one in found[:6]] == [("again", "file", "bob")] * 5 + [None]
    waits = front.row(found[5])
    assert (waits.attempts, waits.not_before) == (0, front.now + 600)
    front.now += 600
    gives(local, file_id="A6")
    gives(local, file_id="A7")
    assert [came_to(front.runner.run(one)) for one in found[5:7]] == [done()] * 2  # it answers again


def test_a_platform_is_not_blamed_for_the_servers_strangers_name(front: Fetching) -> None:
    for n in range(12):
        _, [errand, *_] = front.comes("page", event(f"m_{n}", f"https://nowhere{n}.example/a"))
        assert came_to(front.runner.run(errand)) == ("again", "file", "page")


# --- dying, and doing it at once -----------------------------------------------------------------------------------------


class DiedError(BaseException):
    """The process is gone."""


def dies(monkeypatch: pytest.MonkeyPatch, where: str, *, before: bool) -> None:
    """Let the process die before or after something, once."""
    target: Any = module if where != "put" else Blobs
    real: Callable[..., Any] = getattr(target, where)

    def dying(*given: Any) -> Any:
        monkeypatch.setattr(target, where, real)
        if not before:
            real(*given)
        raise DiedError

    monkeypatch.setattr(target, where, dying)


@pytest.mark.parametrize(
    ("where", "before", "asked"),
    [("_file", True, 0), ("_file", False, 1), ("put", True, 1), ("put", False, 1), ("keep_file", True, 1), ("keep_file", False, 1)],
)  # fmt: skip
def test_a_process_that_dies_anywhere_leaves_an_errand_that_is_done_again(
    front: Fetching, local: Platform, monkeypatch: pytest.MonkeyPatch, where: str, asked: int, *, before: bool
) -> None:
    ticket, [errand] = front.comes("bob", photo())
    for _ in range(asked + 1):
        gives(local)
    dies(monkeypatch, where, before=before)
    with pytest.raises(DiedError):
        front.runner.run(errand)
    assert (front.row(errand).state, front.files()) == ("pending", [])
    assert "file" not in front.parts(ticket)[0]
    assert front.another().run(errand) is None  # leased
    assert front.another().due(10) == []
    front.now += LEASE_SECONDS
    assert front.another().due(10) == [errand]
    assert came_to(front.another().run(errand)) == done()
    [kept] = front.files()
    assert front.parts(ticket)[0]["file"] == kept.id


def test_a_process_that_dies_while_routing_leaves_no_errand(front: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:

    def dying(*given: Any) -> Any:
        assert len(module.owe(*given)) == 1
        raise DiedError

    monkeypatch.setattr("router.case.owe", dying)
    with pytest.raises(DiedError):
        front.payload("bob", photo())
    with front.store.read() as connection:
        assert connection.execute(select(errands)).all() == []


def test_of_many_who_hear_the_bell_one_goes(front: Fetching, local: Platform) -> None:
    _, [errand] = front.comes("bob", photo())
    gives(local)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: front.another().run(errand), range(8)))
    assert [came_to(one) for one in found if one] == [done()]
    assert len(front.files()) == 1


def test_who_outlives_the_lease_changes_nothing(
    front: Fetching, local: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, [errand] = front.comes("bob", photo())
    gives(local)
    gives(local)
    real = module._file

    def slow(*given: Any) -> Any:
        monkeypatch.setattr(module, "_file", real)
        found = real(*given)
        front.now += LEASE_SECONDS
        assert came_to(front.another().run(errand)) == done()
        return found

    monkeypatch.setattr(module, "_file", slow)
    assert front.runner.run(errand) is None
    [kept] = front.files()
    assert front.parts(ticket)[0]["file"] == kept.id


def test_the_sweep_rings_for_what_is_due_and_not_at_once_again(front: Fetching) -> None:
    _, [first] = front.comes("bob", photo())
    _, [second] = front.comes("bob", photo(13))
    assert front.runner.due(10) == []
    front.now += BELL_SECONDS
    assert front.runner.due(1) == [first]
    assert front.runner.due(10) == [second]
    assert front.runner.due(10) == []
    front.now += 30
    assert front.runner.due(10) == [first, second]


def test_at_the_start_everything_that_waits_is_due(front: Fetching, local: Platform) -> None:
    _, [errand] = front.comes("bob", photo())
    refuses(local, 500)
    front.runner.run(errand)
    assert front.another().wake() == 1
    gives(local)
    assert came_to(front.another().run(errand)) == done()
    assert front.another().wake() == 0


def test_a_database_in_trouble_is_no_end(front: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    _, [errand] = front.comes("bob", photo())

    def broken() -> Any:
        raise Temporary("database: gone")

    monkeypatch.setattr(front.store, "write", broken)
    with pytest.raises(Temporary, match="gone"):
        front.runner.run(errand)


# --- the scanner ---------------------------------------------------------------------------------------------------------


def test_what_the_scanner_finds_stands_on_the_attachment(front: Fetching, local: Platform) -> None:
    with clamd() as fake:
        runner = front.another(Scanner(fake.address))
        for n, data in ((1, PNG), (2, EICAR)):
            ticket, [errand] = front.comes("bob", photo(n, f"A{n}"))
            gives(local, data, f"A{n}")
            runner.run(errand)
    clean, found = front.ticket(ticket)["entries"]
    assert (clean["facts"]["virus"], "virus" in clean["attachments"][0]) == ({"verdict": "clean"}, False)
    assert found["facts"]["virus"]["verdict"] == "found"
    assert found["attachments"][0]["virus"] == "Win.Test.EICAR_HDB-1"


def test_a_scanner_that_does_not_answer_is_awaited_for_a_while(front: Fetching, local: Platform) -> None:
    runner = front.another(Scanner("tcp://127.0.0.1:1", clock=lambda: front.now))
    ticket, [errand] = front.comes("bob", photo())
    gives(local)
    assert came_to(runner.run(errand)) == ("again", "file", "bob")
    assert front.files() == []
    front.now += PATIENCE_SECONDS
    gives(local)
    assert came_to(runner.run(errand)) == done()
    assert front.last(ticket)["facts"]["virus"]["verdict"] == "unknown"


# --- names -------------------------------------------------------------------------------------------------------------


def test_a_nameless_sender_is_asked_for_once_and_named_everywhere(front: Fetching, local: Platform) -> None:
    ticket, [first] = front.comes("page", event("m_1", text="Hello"))
    same, [second] = front.comes("page", event("m_2", text="Anybody there?"))
    assert same == ticket
    named(local, {"json": {"name": "Ann  Smith\u0000", "id": ANN}})
    assert came_to(front.runner.run(first)) == done("name", "page")
    assert front.names(ticket) == ("Ann Smith", "Ann Smith", ["Ann Smith", "Ann Smith"])
    assert came_to(front.runner.run(second)) == done("name", "page")  # without a question
    _, [third] = front.comes("page", event("m_3", text="Hm"))
    assert came_to(front.runner.run(third)) == done("name", "page")
    assert front.names(ticket)[2] == ["Ann Smith"] * 3


def test_a_name_that_is_there_stays(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("page", event("m_1", text="Hello"))
    front.set(ticket, contact_name="Dr. Smith")
    named(local, {"json": {"name": "Ann Smith", "id": ANN}})
    front.runner.run(errand)
    assert front.names(ticket) == ("Ann Smith", "Dr. Smith", ["Ann Smith"])


def test_who_has_no_name_stays_without(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("page", event("m_1", text="Hello"))
    named(local, {"json": {"id": ANN}})
    assert came_to(front.runner.run(errand)) == done("name", "page")
    assert front.names(ticket) == ("", "", [""])


def test_a_name_nobody_tells_is_given_up_without_a_word_in_the_ticket(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("page", event("m_1", text="Hello"))
    named(local, {"status": 400, "json": {"error": {"code": 999, "message": "No"}}})
    ran = front.runner.run(errand)
    assert ran is not None
    assert ran.outcome in ("failed", "again")
    assert front.names(ticket) == ("", "", [""])
    assert front.parts(ticket) == []


def test_a_customer_of_another_conversation_keeps_the_own_name(front: Fetching, local: Platform) -> None:
    ticket, [errand] = front.comes("page", event("m_1", text="Hello"))
    other, _ = front.comes("page", event("m_2", text="Hello").replace(ANN.encode(), b"7312"))
    named(local, {"json": {"name": "Ann Smith", "id": ANN}})
    front.runner.run(errand)
    assert [one["contact"]["name"] for one in look.listing(front.store)] == ["Ann Smith", ""]
    assert front.last(other)["author_name"] == ""
    assert ticket != other
