"""A frame is kept or refused: acknowledged after the commit, the same twice, told to wait, told what to put right."""

import asyncio
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ingest.channels.chat import frames, socket
from tests.chat.conftest import MakeDesk
from tests.chat.desks import ChatDesk, Frame
from tests.chat.test_tokens import worked
from tickets.schema import inbox

FORM = """
form:
  name: required
  email: optional
  fields:
    - {id: order, label: Order number, required: true}
    - {id: about, label: About, type: select, options: [return, repair]}
    - {id: gift, label: A gift, type: checkbox}
"""


def rows(desk: ChatDesk) -> list[Any]:
    with desk.app.store.read() as connection:
        return list(connection.execute(select(inbox).order_by(inbox.c.id)).all())


def test_the_ack_comes_after_the_commit_and_never_before(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected() as one:
                writer = desk.app.store._writer
                assert writer.acquire(timeout=5)  # nobody can commit
                try:
                    await one.say(visitor.message())
                    await one.say({"type": "ping"})
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.3):
                            await one.hear("ack")
                    assert rows(desk) == []
                finally:
                    writer.release()
                assert (await one.hear("ack"))["row"] == 1
                assert [row.id for row in rows(desk)] == [1]

    asyncio.run(main())


def test_while_the_database_takes_nothing_the_client_is_told_to_come_again_and_then_it_is_taken(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.store.LOCK_SECONDS", 1)
    desk = make_desk()
    locking = sqlite3.connect(tmp_path / "desk.sqlite3", isolation_level=None)

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            message = visitor.message()
            async with visitor.connected() as one:
                locking.execute("BEGIN IMMEDIATE")
                await one.say(message)
                nack = await one.hear("nack")
                assert (nack["id"], nack["again"], nack["why"]) == ("m1", True, "trouble")
                answer = await visitor.post(message)
                assert (answer.status_code, answer.json()["why"]) == (503, "trouble")
                assert int(answer.headers["retry-after"]) > 0
                locking.execute("ROLLBACK")
                await one.say(message)
                assert await one.hear("ack") == {"type": "ack", "id": "m1", "row": 1}

    asyncio.run(main())
    locking.close()


def test_the_same_frame_again_over_whatever_way_is_the_same_frame(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            message = visitor.message()
            async with visitor.connected() as one, visitor.connected() as other:
                for window in (one, other, one):
                    await window.say(message)
                    assert await window.hear("ack") == {"type": "ack", "id": "m1", "row": 1}
                answer = await visitor.post(message)
                assert (answer.status_code, answer.json()["row"]) == (202, 1)
            assert (await visitor.events(wait=20))[0]["seq"] == 1
            assert len(rows(desk)) == 1
            stranger = await desk.visitor()
            assert (await stranger.post(message)).json()["row"] == 2  # the same id of somebody else is another message

    asyncio.run(main())


def test_every_kind_of_frame_is_kept_or_answered(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            said: list[Frame] = [
                visitor.message(email="ann@example.com"),
                {"type": "offline", "id": "o", "text": "Call me", "email": "ann@example.com", "after_ms": 9000},
                {"type": "rate", "id": "r", "score": "good", "comment": "Quick"},
                {"type": "transcript", "id": "t"},
                {"type": "end", "id": "e"},
            ]
            for frame in said:
                answer = await visitor.post(frame)
                assert (answer.status_code, answer.json()["id"]) == (202, frame["id"])
            kinds = [(row.state, json.loads(row.raw)["frame"]["type"]) for row in rows(desk)]
            assert kinds == [("received", frame["type"]) for frame in said]
            assert "after_ms" not in json.loads(rows(desk)[0].raw)["frame"]
            for unkept in ({"type": "typing", "on": True}, {"type": "read", "seq": 1}):
                assert (await visitor.post(unkept)).json() == {"type": "ack"}
            assert (await visitor.post({"type": "ping"})).json() == {"type": "pong"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("frame", "status", "why"),
    [
        ({"type": "message", "text": "x"}, 422, "frame"),
        ({"type": "message", "id": "a b", "text": "x"}, 422, "frame"),
        ({"type": "message", "id": "i" * 65, "text": "x"}, 422, "frame"),
        ({"type": "message", "id": "1", "text": 5}, 422, "frame"),
        ({"type": "message", "id": "1", "text": "x" * 10_001}, 422, "form"),
        ({"type": "message", "id": "1", "text": " \n"}, 422, "form"),
        ({"type": "message", "id": "1", "text": "x", "files": "no"}, 422, "frame"),
        ({"type": "message", "id": "1", "text": "x", "files": [{}]}, 422, "frame"),
        ({"type": "message", "id": "1", "text": "x", "files": ["\ud800"]}, 422, "frame"),
        ({"type": "message", "id": "1", "text": "x", "files": ["nobodys"]}, 422, "file"),
        ({"type": "message", "id": "1", "text": "x", "email": "no address"}, 422, "form"),
        ({"type": "message", "id": "1", "text": "x", "trap": "spam"}, 403, "trap"),
        ({"type": "message", "id": "1", "text": "x", "after_ms": 10}, 429, "quick"),
        ({"type": "offline", "id": "1", "text": "x"}, 422, "form"),
        ({"type": "rate", "id": "1", "score": "great"}, 422, "frame"),
        ({"type": "rate", "id": "1", "score": ["good"]}, 422, "frame"),
        ({"type": "rate", "id": "1", "score": "bad", "comment": "x" * 2001}, 422, "form"),
        ({"type": "hello", "id": "1"}, 422, "frame"),
        ({"type": ["message"], "id": "1"}, 422, "frame"),
        ({"id": "1"}, 422, "frame"),
        ([], 422, "frame"),
    ],
)
def test_what_the_client_must_put_right_is_said_in_words_and_not_kept(
    make_desk: MakeDesk, frame: Any, status: int, why: str
) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            answer = await desk.ask("POST", "frames", content=json.dumps(frame).encode(), headers=visitor.bearer)
            said = answer.json()
            assert (answer.status_code, said["type"], said["why"]) == (status, "nack", why), said
            assert len(said["words"].split()) > 2
            assert rows(desk) == []

    asyncio.run(main())


def test_the_form_is_asked_for_the_first_message_and_not_again(make_desk: MakeDesk) -> None:
    desk = make_desk(FORM)
    filled = {"name": "Ann", "fields": {"order": "17", "about": "repair", "gift": True, "page": "https://x.example"}}

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            for missing in (
                {},
                {"name": "Ann"},
                {**filled, "name": " "},
                {**filled, "fields": {"order": ""}},
                {**filled, "fields": {"order": "17", "about": "theft"}},
                {**filled, "fields": {"order": 17}},
                {**filled, "fields": {"order": "x" * 1001}},
            ):
                answer = await visitor.post(visitor.message("Hello", **missing))
                assert (answer.status_code, answer.json()["why"]) == (422, "form"), missing
            assert (await visitor.post(visitor.message("Hello", **filled))).status_code == 202
            assert (await visitor.post(visitor.message("And one more"))).status_code == 202
            first = json.loads(rows(desk)[0].raw)["frame"]
            assert first["fields"] == {"order": "17", "about": "repair", "gift": "yes"}

    asyncio.run(main())


def test_a_first_message_waits_until_its_session_is_as_old_as_a_person_needs(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "YOUNG_SECONDS", 1.5)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            message = visitor.message()
            async with visitor.connected() as one:
                await one.say(message)
                nack = await one.hear("nack")
                assert (nack["why"], nack["again"]) == ("quick", True)
                await asyncio.sleep(nack["retry_after"])  # as the client does
                assert (await _said(one, message))["type"] == "ack"
            assert len(rows(desk)) == 1

    asyncio.run(main())


async def _said(one: Any, message: Frame) -> Frame:
    await one.say(message)
    return dict(await one.hear(where=lambda frame: frame["type"] in ("ack", "nack")))


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [("session: 3/hour", 3), ("conversation: 2/hour", 2), ("session: '50/minute;4/hour'", 4)],
)
def test_what_is_too_much_for_one_visitor_is_told_to_wait_over_both_ways(
    make_desk: MakeDesk, limit: str, allowed: int
) -> None:
    desk = make_desk(f"limits: {{{limit}}}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected() as one:
                for _ in range(allowed):
                    assert (await _said(one, visitor.message()))["type"] == "ack"
                nack = await _said(one, visitor.message())
                assert (nack["why"], nack["again"]) == ("limit", True)
                assert 0 < nack["retry_after"] <= 3600
            answer = await visitor.post(visitor.message())
            assert (answer.status_code, answer.headers["retry-after"].isdigit()) == (429, True)
            other = await desk.visitor()
            assert (await other.post(other.message())).status_code == 202
            assert len(rows(desk)) == allowed + 1

    asyncio.run(main())


def test_limits_by_address_go_by_the_address_the_proxy_names_and_count_no_program_of_this_machine(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk("limits: {address: 2/hour, sessions: 3/hour, requests: 12/hour}")
    away = {"X-Forwarded-For": "203.0.113.7"}

    async def main() -> None:
        async with desk.serving(workers=False):
            one, other = await desk.visitor(), await desk.visitor()
            assert (await one.post(one.message(), **away)).status_code == 202
            assert (await other.post(other.message(), **away)).status_code == 202
            assert (await one.post(one.message(), **away)).json()["why"] == "limit"
            assert (await one.post(one.message(), **{"X-Forwarded-For": "203.0.113.8"})).status_code == 202
            assert (await one.post(one.message())).status_code == 202
            made = [await desk.ask("POST", "session", json={}, headers=away) for _ in range(4)]
            assert [answer.status_code for answer in made] == [200, 200, 200, 429]
            renewed = await desk.ask("POST", "session", json={"token": one.token}, headers=away)
            assert renewed.status_code == 200  # it is nobody new
            body = {"visitor": "v1", "client_msg_id": "1", "text": "x"}
            posts = [await desk.ask("POST", "messages", json=body, headers=away) for _ in range(3)]
            assert [answer.status_code for answer in posts] == [202, 202, 429]
            answers = [await desk.ask("POST", "session", json={"token": one.token}, headers=away) for _ in range(6)]
            assert (answers[-1].status_code, answers[-1].headers["retry-after"].isdigit()) == (429, True)

    asyncio.run(main())


def test_a_proof_of_work_is_asked_for_the_first_message_and_a_new_one_comes_with_the_refusal(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk("proof_bits: 8")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor, stranger = await desk.visitor(), await desk.visitor()
            challenge = visitor.session["challenge"]
            assert (challenge["kind"], challenge["bits"]) == ("pow", 8)
            theirs = worked(stranger.session["challenge"]["salt"], 8)
            for wrong in (None, "no:1", theirs, {"salt": 1}):
                answer = await visitor.post(visitor.message("Hello", proof=wrong))
                assert (answer.status_code, answer.json()["why"], answer.json()["again"]) == (403, "proof", True)
            proof = worked(answer.json()["challenge"]["salt"], 8)
            assert (await visitor.post(visitor.message("Hello", proof=proof))).status_code == 202
            assert (await visitor.post(visitor.message("More"))).status_code == 202
            offline = {"type": "offline", "id": "o", "text": "x", "email": "ann@example.com"}
            assert (await visitor.post(offline)).json()["why"] == "proof"
            assert (await visitor.post({**offline, "proof": proof})).status_code == 202

    asyncio.run(main())


def test_turnstile_is_asked_before_the_first_message_the_same_way_twice_for_the_same_token(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNSTILE", "s3cret")
    asked: list[dict[str, Any]] = []
    answers = {"good": {"success": True}, "bad": {"success": False, "error-codes": ["invalid-input-response"]}}

    class Cloudflare(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append({"path": self.path, **said})
            body = json.dumps(answers.get(said["response"], {})).encode()
            self.send_response(200 if said["response"] in answers else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloudflare)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    desk = make_desk(f"turnstile: {{site_key: '0x4A', secret: env:TURNSTILE, base_url: '{base}'}}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            assert visitor.session["challenge"] == {"kind": "turnstile", "site_key": "0x4A"}
            for proof in (None, 5, "", "bad"):
                answer = await visitor.post(visitor.message("Hello", proof=proof))
                assert (answer.status_code, answer.json()["why"]) == (403, "proof")
            assert (await visitor.post(visitor.message("Hello", proof="broken"))).json()["why"] == "trouble"
            offline = {"type": "offline", "id": "o", "text": "x", "email": "ann@example.com", "proof": "good"}
            for _ in range(2):  # the answer was lost, and it is said again
                assert (await visitor.post(offline)).status_code == 202
            assert (await visitor.post(visitor.message("Hello", proof="good"))).status_code == 202
            monkeypatch.delenv("TURNSTILE")
            stranger = await desk.visitor()
            assert (await stranger.post(stranger.message("Hello", proof="good"))).json()["why"] == "trouble"

    asyncio.run(main())
    server.shutdown()
    server.server_close()
    good = [one for one in asked if one["response"] == "good"]
    assert {(one["path"], one["secret"]) for one in asked} == {("/turnstile/v0/siteverify", "s3cret")}
    assert len({one["idempotency_key"] for one in good}) == 1


HOSTILE: list[Any] = [None, True, 5, -1, 1e308, "", "\0", "\ud800", "x" * 20_000, [], [[]], {}, {"a": {"b": []}}]


def test_no_value_in_any_field_breaks_anything(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MOST_AT_ONCE", 100_000)
    desk = make_desk("limits: {session: 10000/minute, conversation: 10000/minute}\nproof_bits: 8\n" + FORM)
    kept = ("id", "text", "files", "name", "email", "department", "fields", "score", "comment", "proof", "after_ms")

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            async with visitor.connected() as one:
                for kind in ("message", "offline", "rate", "transcript", "end"):
                    for name in kept:
                        for value in HOSTILE:
                            await _said(one, {"type": kind, "id": "h", "text": "x", name: value})
                for kind in ("typing", "read", "ping"):
                    for name in ("type", "on", "seq"):
                        for value in HOSTILE:
                            await one.say({"type": kind, name: value})
                await one.say({"type": "ping", "id": "last"})
                await one.hear("pong")
            assert (await visitor.post({"type": "message", "id": "\ud800", "text": "x"})).status_code == 422
            assert {row.state for row in rows(desk)} <= {"received", "routed", "ignored"}

    asyncio.run(main())
