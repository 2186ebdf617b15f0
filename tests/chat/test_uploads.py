"""Files: told by their bytes, taken or refused with words, and given out to their own conversation only."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from ingest.channels.chat import paths
from tests.chat.conftest import MakeDesk
from tests.chat.desks import ChatDesk, Frame, Visitor
from tests.clamd import EICAR, clamd
from tickets.schema import files

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
PDF = b"%PDF-1.7\n"


async def handed(visitor: Visitor, data: bytes, name: str = "a.png", **headers: str) -> Any:
    named = {**visitor.bearer, "X-Filename": name, **headers}
    return await visitor.desk.ask("POST", "files", content=data, headers=named)


async def sent(visitor: Visitor, *ids: str) -> Frame:
    """Send a message with files and return its entry."""
    answer = await visitor.post(visitor.message("", files=list(ids)))
    assert answer.status_code == 202, answer.text
    return (await visitor.events(wait=20))[0]


def test_a_file_goes_along_with_a_message_and_comes_back_as_it_was(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            one = (await handed(visitor, PNG, "bill%20of%20Ann.png")).json()
            assert (one["name"], one["type"], one["size"]) == ("bill of Ann.png", "image/png", len(PNG))
            other = (await handed(visitor, b"just words", "../../etc/passwd")).json()
            assert (other["name"], other["type"]) == ("passwd", "text/plain")
            entry = await sent(visitor, one["id"], other["id"])
            assert [(file["name"], file["type"], file["size"]) for file in entry["files"]] == [
                ("bill of Ann.png", "image/png", len(PNG)), ("passwd", "text/plain", 10),
            ]  # fmt: skip
            shown, saved = [await desk.ask("GET", file["url"]) for file in entry["files"]]
            assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
            assert shown.headers["content-disposition"].startswith("inline")
            assert (saved.content, saved.headers["content-type"]) == (b"just words", "application/octet-stream")
            assert saved.headers["content-disposition"] == "attachment; filename*=UTF-8''passwd"
            for answer in (shown, saved):
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "sandbox" in answer.headers["content-security-policy"]
            with desk.app.store.read() as connection:
                assert {row.entry_id for row in connection.execute(select(files))} == {1}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"MZ" + b"\0" * 100, "photo.png", 415),
        (b"#!/bin/sh\n", "notes.txt", 415),
        (b"<html><script>alert(1)</script></html>", "page.txt", 415),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "logo.svg", 415),
        (b"just words", "script.js", 415),
        (b"just words", "evil.pdf\u202efdp.exe", 415),
        (b"", "empty.txt", 422),
        (PNG + b"x" * 2000, "large.png", 413),
    ],
    ids=["program", "script", "page", "svg", "name", "hidden name", "empty", "large"],
)
def test_what_a_machine_would_run_and_what_is_too_large_is_refused_with_words(
    make_desk: MakeDesk, data: bytes, name: str, status: int
) -> None:
    desk = make_desk("upload: {most_bytes: 1000}")

    async def main() -> None:
        async with desk.serving(workers=False):
            from urllib.parse import quote

            visitor = await desk.visitor()
            answer = await handed(visitor, data, quote(name))
            assert (answer.status_code, len(answer.json()["error"].split()) > 2) == (status, True)
            with desk.app.store.read() as connection:
                assert connection.execute(select(files)).all() == []

    asyncio.run(main())


def test_only_the_types_a_channel_takes_and_not_what_a_file_claims_to_be(make_desk: MakeDesk) -> None:
    desk = make_desk("upload: {types: [image/*, application/pdf]}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            for data, status in [(PNG, 201), (PDF, 201), (b"words", 415), (b"PK\3\4" + b"\0" * 40, 415)]:
                answer = await handed(visitor, data, "a.png", **{"Content-Type": "image/png"})
                assert answer.status_code == status

    asyncio.run(main())


def test_a_channel_that_takes_no_files_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk("upload: {most_files: 0}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            assert visitor.session["upload"] is None
            assert (await handed(visitor, PNG)).status_code == 403

    asyncio.run(main())


def test_so_many_files_with_a_message_and_so_many_that_wait_for_one(make_desk: MakeDesk) -> None:
    desk = make_desk("upload: {most_files: 2}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            ids = [(await handed(visitor, PNG)).json()["id"] for _ in range(8)]
            assert (await handed(visitor, PNG)).status_code == 409
            answer = await visitor.post(visitor.message("three", files=ids[:3]))
            assert (answer.status_code, answer.json()["why"]) == (422, "file")

    asyncio.run(main())


def test_the_file_of_another_conversation_can_be_neither_sent_nor_read(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            ann, eve = await desk.visitor(), await desk.visitor()
            mine = (await handed(ann, PNG)).json()["id"]
            answer = await eve.post(eve.message("look", files=[mine]))
            assert (answer.status_code, answer.json()["why"]) == (422, "file")
            assert (await desk.ask("GET", f"files/{mine}", headers=eve.bearer)).status_code == 404
            assert (await desk.ask("GET", f"files/{mine}", headers=ann.bearer)).content == PNG
            url = (await sent(ann, mine))["files"][0]["url"]
            assert (await desk.ask("GET", url)).content == PNG
            path, _, stamp = url.partition("?t=")
            for wrong in (
                f"{path}?t=",
                f"{path}?t={stamp}x",
                f"files/other?t={stamp}",
                f"{path}?t=1.aaaa",
                "files/..%2Fx?t=1",
            ):
                assert (await desk.ask("GET", wrong)).status_code == 404
            assert (await desk.ask("GET", url, channel="other")).status_code == 404
            assert (await desk.ask("GET", path)).status_code == 401

    asyncio.run(main())


def test_a_file_of_an_agents_answer_is_given_to_the_visitor_and_others_of_the_agents_are_not(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            await visitor.post(visitor.message())
            await visitor.events(wait=20)
            for name in ("hers", "not_sent"):
                _agents(desk, name)
            await asyncio.to_thread(_answered_with, desk, "hers")
            entry = (await visitor.events(after=1))[0]
            assert (entry["from"], entry["files"][0]["name"]) == ("agent", "hers.pdf")
            assert (await desk.ask("GET", entry["files"][0]["url"])).content == PDF
            assert (await desk.ask("GET", "files/hers", headers=visitor.bearer)).content == PDF
            assert (await desk.ask("GET", "files/not_sent", headers=visitor.bearer)).status_code == 404

    asyncio.run(main())


def _agents(desk: ChatDesk, name: str) -> None:
    row = {
        "id": name, "stored": desk.app.blobs.put(PDF), "filename": f"{name}.pdf", "content_type": "application/pdf",
        "size": len(PDF), "owner": "agent:sona", "entry_id": None, "created_at": time.time(),
    }  # fmt: skip
    with desk.app.store.write() as connection:
        connection.execute(insert(files), row)


def _answered_with(desk: ChatDesk, name: str) -> None:
    from router.act import Acts

    Acts(desk.app.store, desk.app.desk.current).answer(1, "sona", "Here it is", [name])


def test_too_much_on_its_way_at_once_is_told_to_wait(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_HELD", 1000)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            answer = await handed(visitor, PNG + b"x" * 2000)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            assert (await handed(visitor, PNG)).status_code == 201

    asyncio.run(main())


def test_a_file_whose_bytes_are_lost_is_not_there(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            number = (await handed(visitor, PNG)).json()["id"]
            for blob in (tmp_path / "var" / "blobs").rglob("*"):
                if blob.is_file():
                    blob.unlink()
            assert (await desk.ask("GET", f"files/{number}", headers=visitor.bearer)).status_code == 404

    asyncio.run(main())


def test_a_file_with_a_virus_is_not_kept_and_a_scanner_that_is_away_means_come_back(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clamd(tmp_path) as fake:
        monkeypatch.setenv("FRONTDESK_CLAMD", fake.address)
        desk = make_desk()

        async def main() -> None:
            async with desk.serving(workers=False):
                visitor = await desk.visitor()
                found = await handed(visitor, EICAR, "a.txt")
                assert (found.status_code, "EICAR" in found.json()["error"]) == (415, True)
                assert (await handed(visitor, PNG)).status_code == 201
                fake.way = "hangs up"
                away = await handed(visitor, PNG)
                assert (away.status_code, "retry-after" in away.headers) == (503, True)

        asyncio.run(main())


def test_so_many_files_in_so_long(make_desk: MakeDesk) -> None:
    desk = make_desk("limits: {files: 2/hour}")

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            answers = [await handed(visitor, PNG) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [201, 201, 429]
            assert int(answers[-1].headers["retry-after"]) > 0

    asyncio.run(main())
