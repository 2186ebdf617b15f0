"""The parts of the suite every channel goes through: its fixtures, its sample delivery, hostile bytes made of both.

A new channel is one module and one folder here, `tests/channels/<type>/`, with

* payloads `<oddity>.json`, `.eml` or `.form`, each with `<oddity>.expected.json`: the messages without default values, or
  `{"unreadable": "why"}`;
* for a channel called over HTTP `delivery.json`: a `config`, the `environment` it refers to, the `headers` of a genuine
  delivery of the fixture `body`, the header that is its `proof`, and whether `proof_may_be_missing`; where the proof is
  signed at a time, `at` (Unix seconds); where it stands in the body, `proof_in_body`, its value there; what the channel
  `wants`, `fetched`: URLs and the files here that stand for them; where the query string counts, `target`;
* for one with `handshake`, `handshakes.json`: a list of requests (`method`, `target`, `headers`, `body`) with the `answer`
  (`status`, and `text` or `body`), the status of a refusal (`refused`), or `answer: null` for a request that is none;
* for one with `send`, `sending/<case>.json`, see tests/channels/sending.py.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st

from config.desk import ChannelConfig
from ingest.channel import Answer, Channel, Greeting, Refused, Request, Unreadable, WebChannel, find, words

FOLDER = Path(__file__).parent
HTTP = tuple(word for word in words() if hasattr(find(word), "HOOK"))


def fixtures(word: str) -> list[Path]:
    """Return the payloads of a channel."""
    return sorted(
        path
        for path in (FOLDER / word).glob("*.*")
        if path.suffix in (".json", ".eml", ".form")
        and path.name not in ("delivery.json", "handshakes.json")
        and not path.stem.endswith(".expected")
    )


def every_fixture() -> list[tuple[str, Path]]:
    """Return all payloads with the channel they belong to."""
    return [(word, path) for word in words() for path in fixtures(word)]


def understood(channel: Channel, raw: bytes) -> Any:
    """Return what a channel makes of bytes, in the form of an `.expected.json`."""
    try:
        return [message.model_dump(mode="json", exclude_defaults=True) for message in channel.parse(raw)]
    except Unreadable as error:
        return {"unreadable": str(error)}


@dataclass(frozen=True)
class Delivery:
    """A genuine delivery to a channel over HTTP."""

    channel: WebChannel
    config: ChannelConfig
    environment: Mapping[str, str]
    request: Request
    proof: str
    proof_may_be_missing: bool
    proof_in_body: str | None

    @property
    def genuine_proof(self) -> str:
        """What proves the delivery."""
        return self.request.headers[self.proof] if self.proof_in_body is None else self.proof_in_body

    def with_header(self, name: str, value: str | None) -> Request:
        """Return the request with one header changed, or left out."""
        headers = {**self.request.headers, name: value}
        return replace(self.request, headers={key: said for key, said in headers.items() if said is not None})

    def with_proof(self, value: str | None) -> Request:
        """Return the request with another proof, or with none."""
        if self.proof_in_body is None:
            return self.with_header(self.proof, value)
        said = (value or "").encode("utf-8", "surrogatepass")
        return replace(self.request, raw=self.request.raw.replace(self.proof_in_body.encode(), said))

    @contextmanager
    def environs(self) -> Iterator[None]:
        """Set the environment the config refers to."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def delivery(word: str) -> Delivery:
    """Return the sample delivery of a channel."""
    channel = cast(WebChannel, find(word))
    said = json.loads((FOLDER / word / "delivery.json").read_text(encoding="utf-8"))
    return Delivery(
        channel,
        channel.Config.model_validate(said["config"]),
        said["environment"],
        Request(
            (FOLDER / word / said["body"]).read_bytes(),
            said["headers"],
            said.get("at", 0.0),
            {url: (FOLDER / word / name).read_bytes() for url, name in said.get("fetched", {}).items()},
            target=said.get("target", ""),
        ),
        said["proof"],
        said.get("proof_may_be_missing", False),
        said.get("proof_in_body"),
    )


GREETING = tuple(word for word in HTTP if hasattr(find(word), "handshake"))


def shaken(word: str) -> list[Any]:
    """Return what a channel answers to each of its `handshakes.json`, in the form they have there."""
    channel = cast(Greeting, find(word))
    sample = delivery(word)
    found: list[Any] = []
    for said in json.loads((FOLDER / word / "handshakes.json").read_text(encoding="utf-8")):
        request = Request(
            said.get("body", "").encode(),
            said.get("headers", {}),
            said.get("at", sample.request.at),
            method=said["method"],
            target=said.get("target", ""),
        )
        outcome: dict[str, Any] = {}
        with sample.environs():
            try:
                answer = channel.handshake(sample.config, request)
                outcome["answer"] = None if answer is None else _as_said(answer)
            except Refused as refused:
                outcome["refused"] = refused.status
        found.append({**{key: value for key, value in said.items() if key not in ("answer", "refused")}, **outcome})
    return found


def _as_said(answer: Answer) -> dict[str, Any]:
    body = {"body": dict(answer.body)} if answer.text is None else {"text": answer.text}
    return {"status": answer.status, **body}


def bytes_for(word: str) -> st.SearchStrategy[bytes]:
    """Return any bytes, any JSON, and fixtures of the channel with a piece cut out, repeated or replaced."""
    payloads = st.sampled_from([path.read_bytes() for path in fixtures(word)] or [b""])
    places = st.integers(0, 2000)
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    known = ["update_id", "message", "chat", "from", "text", "visitor", "client_msg_id", "RawEmail", "Type", "Message"]
    keys = st.sampled_from([*known, *_keys_of(word)]) | st.text()
    values = st.recursive(scalars, lambda some: st.lists(some) | st.dictionaries(keys, some), max_leaves=20)
    return (
        st.binary()
        | values.map(lambda value: json.dumps(value).encode())
        | st.builds(_mutated, payloads, places, places, st.binary(max_size=20), st.integers(0, 3))
        | st.builds(_of_another_type, payloads, places, scalars | st.just([]) | st.just({}))
    )


def _keys_of(word: str) -> list[str]:
    """Return the names of fields in the payloads of a channel."""
    found: set[str] = set()
    for path in fixtures(word):
        found.update(re.findall(r'"(\w+)"\s*:', path.read_text(encoding="utf-8", errors="replace")))
    return sorted(found)


def _of_another_type(payload: bytes, place: int, value: Any) -> bytes:
    """Return a JSON payload in which one value, at any depth, is another one."""
    try:
        said = json.loads(payload)
    except ValueError:
        return payload
    spots: list[tuple[Any, Any]] = []
    _spots(said, spots)
    if spots:
        holder, name = spots[place % len(spots)]
        holder[name] = value
    return json.dumps(said).encode()


def _spots(said: Any, found: list[tuple[Any, Any]]) -> None:
    names = said.keys() if isinstance(said, dict) else range(len(said)) if isinstance(said, list) else ()
    for name in names:
        found.append((said, name))
        _spots(said[name], found)


def _mutated(payload: bytes, one: int, other: int, piece: bytes, times: int) -> bytes:
    first, last = sorted((one % (len(payload) + 1), other % (len(payload) + 1)))
    return payload[:first] + piece + payload[first:last] * times + payload[last:]
