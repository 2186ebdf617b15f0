"""Every platform: its handshake, and the answers that go out to it."""

import contextlib
import json
from pathlib import Path

import pytest

from ingest.channel import Refused, Request, answering, find, words
from tests.channels import conformance, sending
from tests.channels.test_conformance import HOSTILE


@pytest.mark.parametrize("word", conformance.GREETING)
def test_a_handshake_is_answered_and_a_wrong_one_refused(word: str) -> None:
    wanted = json.loads((conformance.FOLDER / word / "handshakes.json").read_text(encoding="utf-8"))
    assert conformance.shaken(word) == wanted
    assert any("refused" in one for one in wanted)


@pytest.mark.parametrize("word", conformance.GREETING)
def test_no_handshake_breaks_anything(word: str) -> None:
    delivery = conformance.delivery(word)
    with delivery.environs():
        for value in HOSTILE:
            for target in (f"/in/x?{value}", f"/in/x?hub.challenge={value}", f"/in/x?crc_token={value}"):
                with contextlib.suppress(Refused):
                    find(word).handshake(delivery.config, Request(b"", {}, method="GET", target=target))  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", [word for word in words() if answering(find(word))])
def test_a_channel_that_sends_has_cases_of_success_and_of_every_failure(word: str) -> None:
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in sending.cases(word)]
    kinds = {case["failure"]["kind"] for case in cases if "failure" in case}
    assert any("failure" not in case for case in cases)
    if "base_url" not in find(word).Config.model_fields:
        return  # it asks nobody, so nobody can refuse it
    assert {"rate_limited", "auth", "invalid", "transient"} <= kinds


@pytest.mark.parametrize(
    ("word", "path"),
    [(word, path) for word in words() for path in sending.cases(word)],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_an_answer_becomes_the_requests_the_platform_documents(word: str, path: Path) -> None:
    sending.run(word, path)
