"""A small S3-compatible server on a loopback port: it checks what it is sent, and fails when it is told to."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEY = "AKIDEXAMPLE"
_SIGNED = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={KEY}/\d{{8}}/eu-west-1/s3/aws4_request, SignedHeaders=\S+, Signature=\w{{64}}"
)


class S3Server(ThreadingHTTPServer):
    """Objects by bucket and key. `down` makes every answer 503; `complaints` are requests no real one would take."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[str, bytes] = {}
        self.since: dict[str, datetime] = {}
        self.down = False
        self.complaints: list[str] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What FRONTDESK_BLOBS says."""
        return f"s3://mails/desk?endpoint=http://127.0.0.1:{self.server_port}&region=eu-west-1"

    def put(self, key: str, data: bytes) -> None:
        """Keep an object as of now."""
        self.objects[key], self.since[key] = data, datetime.now(UTC)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def log_message(self, *_args: object) -> None:
        """Stay silent."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        if not _SIGNED.fullmatch(self.headers.get("authorization", "")):
            self.server.complaints.append(f"not signed: {self.command} {self.path}")
        if self.headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            self.server.complaints.append(f"another digest: {self.command} {self.path}")
        if self.server.down:
            self._answer(503)
            return
        parts = urlsplit(self.path)
        key, query = unquote(parts.path.removeprefix("/mails/")), parse_qs(parts.query)
        if self.command == "GET" and parts.path == "/mails":
            self._answer(200, self._list(query["prefix"][0]))
        elif self.command == "GET" and key in self.server.objects:
            self._answer(200, self.server.objects[key], self.server.since[key])
        elif self.command == "PUT" and (source := self.headers.get("x-amz-copy-source")):
            self._copy(unquote(source).removeprefix("mails/"), key)
        elif self.command == "PUT":
            self.server.put(key, body)
            self._answer(200)
        elif self.command == "POST":
            gone = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for one in gone:
                self.server.objects.pop(one, None)
            deleted = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in gone)
            self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815  # the library's names

    def _copy(self, source: str, key: str) -> None:
        if source not in self.server.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        self.server.put(key, self.server.objects[source])
        when = self.server.since[key].isoformat()
        made = f"<CopyObjectResult><ETag>x</ETag><LastModified>{when}</LastModified></CopyObjectResult>"
        self._answer(200, made.encode())

    def _list(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{self.server.since[key].isoformat()}</LastModified>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data in sorted(self.server.objects.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

    def _answer(self, status: int, body: bytes = b"", since: datetime | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"x"')
        self.send_header("last-modified", (since or datetime.now(UTC)).strftime("%a, %d %b %Y %H:%M:%S GMT"))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server as long as the block does."""
    server = S3Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
