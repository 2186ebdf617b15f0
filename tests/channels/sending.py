"""Sending, told in data files: `tests/channels/<type>/sending/<case>.json` is one answer and every request it must become.

    {"config": {…, "base_url": "<BASE>"}, "environment": {"TOKEN": "t"},
     "reply": {"key": "1.channel.aa", "account": "", "conversation": "7", "to": "7", "text": "Hello", "now": 1795348800.0,
               "attachments": [{"filename": "a.txt", "content_type": "text/plain", "text": "hi"}]},
     "exchange": [{"expect": {"method": "POST", "path": "/bot/sendMessage", "headers": {"x": "y"}, "json": {…}},
                   "answer": {"status": 200, "headers": {}, "json": {…}}}],
     "ids": ["12"], "failure": {"kind": "blocked", "retry_after": null}}

`expect` names the exact `path` with its query string, the headers that must be among those sent, and the body as `json`,
`form` (its pairs), `multipart` (a list of parts: `name`, and where given `filename`, `content_type`, `text`) or `text`; without
any of them there is none. `<BASE>` in the file is the address of the local platform. `ids` is what `send` yields before it ends
or fails; `failure` is there when it fails. `answer` may be `"hang up"`.
"""

import json
import os
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header

from ingest.channel import answering, find
from ingest.outbound import Outbound
from tests.channels import conformance
from tickets.reply import Reply, Upload
from tickets.trouble import Permanent, Temporary

HANG_UP = "hang up"


@dataclass
class Platform:
    """A local platform that takes the scripted requests, in order, and nothing else."""

    script: list[dict[str, Any]]
    wrong: list[str] = field(default_factory=list)
    taken: int = 0
    base: str = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        """Return the scripted answer to a request; a request that is not the scripted one is noted and refused."""
        if self.taken >= len(self.script):
            self.wrong.append(f"one more request: {method} {path}")
            return {"status": 599}
        step = self.script[self.taken]
        self.taken += 1
        said = _said(method, path, headers, body, step["expect"])
        if said != step["expect"]:
            self.wrong.append(f"request {self.taken}: expected {step['expect']}, was sent {said}")
            return {"status": 599}
        return step["answer"]


def _said(method: str, path: str, headers: dict[str, str], body: bytes, expect: dict[str, Any]) -> dict[str, Any]:
    """Return a request in the form of `expect`, so that the two can be compared."""
    said: dict[str, Any] = {"method": method, "path": path}
    if "headers" in expect:
        said["headers"] = {name: headers.get(name.lower()) for name in expect["headers"]}
    kind = headers.get("content-type", "")
    if kind.startswith("application/json"):
        said["json"] = json.loads(body)
    elif kind.startswith("application/x-www-form-urlencoded"):
        said["form"] = [list(pair) for pair in parse_qsl(body.decode(), keep_blank_values=True)]
    elif kind.startswith("multipart/form-data"):
        parts = _multipart(body, parse_options_header(kind)[1][b"boundary"])
        wanted = expect.get("multipart", [])
        said["multipart"] = [
            {name: part.get(name) for name in (wanted[place] if place < len(wanted) else part)}
            for place, part in enumerate(parts)
        ]
    elif body:
        said["text"] = body.decode("latin-1")
    return said


def _multipart(body: bytes, boundary: bytes) -> list[dict[str, str]]:
    found = []
    for piece in body.split(b"--" + boundary)[1:-1]:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        part = {"text": data.removesuffix(b"\r\n").decode("latin-1")}
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "content-type":
                part["content_type"] = value
            elif name.lower() == "content-disposition":
                _, options = parse_options_header(value.encode())
                part |= {key.decode(): said.decode() for key, said in options.items()}
        found.append(part)
    return found


@contextmanager
def platform(script: list[dict[str, Any]]) -> Iterator[Platform]:
    """Run a platform on a loopback port."""
    made = Platform(script)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = made.answer(self.command, self.path, headers, body)
            if answer == HANG_UP:
                self.close_connection = True
                return
            if "json" in answer:
                content = json.dumps(answer["json"]).encode()
            else:
                content = b64decode(answer["base64"]) if "base64" in answer else answer.get("text", "").encode()
            self.send_response(answer.get("status", 200))
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cases(word: str) -> list[Path]:
    """Return the sending cases of a channel."""
    return sorted((conformance.FOLDER / word / "sending").glob("*.json"))


def run(word: str, path: Path) -> None:
    """Send the answer of a case and compare every request and what came of it."""
    text = path.read_text(encoding="utf-8")
    channel = find(word)
    module = answering(channel)
    assert module is not None
    with platform([]) as local:
        case = json.loads(text.replace("<BASE>", local.base))
        local.script = case["exchange"]
        config = channel.Config.model_validate(case["config"])
        ids: list[str] = []
        failed: Temporary | Permanent | None = None
        with environment(case.get("environment", {})):
            try:
                ids.extend(module.send(config, _reply(case["reply"]), Outbound(own=(local.base,))))
            except (Temporary, Permanent) as error:
                failed = error
        assert local.wrong == []
        assert local.taken == len(local.script)
        assert ids == case["ids"]
        if failed is not None:
            assert len(str(failed).split()) > 3
            assert [secret for secret in case.get("environment", {}).values() if secret in str(failed)] == []
            failure = {"kind": failed.kind, "retry_after": getattr(failed, "retry_after", None)}
        assert (None if failed is None else failure) == case.get("failure")


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _reply(said: dict[str, Any]) -> Reply:
    uploads = tuple(
        Upload(
            one["filename"], one["content_type"], b64decode(one["base64"]) if "base64" in one else one["text"].encode()
        )
        for one in said.get("attachments", [])
    )
    return Reply(**{**said, "attachments": uploads, "done": tuple(said.get("done", ()))})
