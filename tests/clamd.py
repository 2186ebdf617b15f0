"""A small clamd on a loopback port or a socket file: it reads INSTREAM as the manual says, and misbehaves when it is told to."""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""In two pieces, or scanners find it in this file."""


class Clamd:
    """What a clamd was sent and what it answers. `way` is one of: works, error, silent, hangs up, babbles."""

    def __init__(self, limit: int = 1_000_000) -> None:
        self.limit = limit
        self.scanned: list[bytes] = []
        self.connections = 0
        self.way = "works"
        self.ended = threading.Event()
        self.address = ""

    def answer(self, request: socketserver.StreamRequestHandler) -> None:
        """Answer one connection."""
        self.connections += 1
        command = b""
        while not command.endswith(b"\0"):
            command += request.rfile.read(1)
        if self.way == "silent":
            self.ended.wait(20)
            return
        if self.way == "hangs up":
            return
        if command == b"zVERSION\0":
            request.wfile.write(b"ClamAV 1.4.3/27800/Tue Nov 24 08:00:00 2026\0")
            return
        assert command == b"zINSTREAM\0", command
        request.wfile.write(self._verdict(request) + b"\0")

    def _verdict(self, request: socketserver.StreamRequestHandler) -> bytes:
        data = b""
        while size := struct.unpack("!L", request.rfile.read(4))[0]:
            data += request.rfile.read(size)
            if len(data) > self.limit:
                return b"INSTREAM size limit exceeded. ERROR"
        self.scanned.append(data)
        if self.way == "error":
            return b"stream: Can't allocate memory ERROR"
        if self.way == "babbles":
            return b"x" * 100_000
        return b"stream: Win.Test.EICAR_HDB-1 FOUND" if EICAR in data else b"stream: OK"


@contextlib.contextmanager
def clamd(folder: Path | None = None, limit: int = 1_000_000) -> Iterator[Clamd]:
    """Run a clamd as long as the block does, on a socket file in the folder or on a port."""
    fake = Clamd(limit)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            """Answer, whether or not the other side still listens."""
            with contextlib.suppress(OSError, struct.error):
                fake.answer(self)

    server: socketserver.ThreadingTCPServer | socketserver.ThreadingUnixStreamServer
    if folder is None:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        fake.address = f"tcp://127.0.0.1:{server.server_address[1]}"
    else:
        server = socketserver.ThreadingUnixStreamServer(str(folder / "clamd.ctl"), Handler)
        fake.address = f"unix:{folder / 'clamd.ctl'}"
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
