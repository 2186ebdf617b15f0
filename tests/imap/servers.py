"""Real IMAP servers on loopback ports: pymap in a thread, Dovecot in a process; and a person's mail program for them."""

import argparse
import asyncio
import contextlib
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, DictBackend, Login
from pymap.config import BackendCapability
from pymap.imap import IMAPServer, IMAPService
from pymap.parsing.message import AppendMessage
from pysasl.hashing import BuiltinHash

from tests.services import free_port

USER, PASSWORD = "support", "secret"


class _WithoutIdle(Config):
    @property
    def backend_capability(self) -> BackendCapability:
        return BackendCapability(idle=False, object_id=True, multi_append=True)


class Pymap:
    """pymap with one user, its mails in memory. `stop` and `start` keep them; `cut` only drops the connections."""

    def __init__(self, *, idle: bool = True) -> None:
        self.port = free_port()
        self._idle = idle
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pymap", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._make())
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._do(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _make(self) -> None:
        parser = argparse.ArgumentParser()
        DictBackend.add_subparser("dict", parser.add_subparsers())
        IMAPService.add_arguments(parser)
        words = ["--no-tls", "dict", "--demo-user", USER, "--demo-password", PASSWORD]
        args = parser.parse_args(words)
        args.passlib_cfg, args.debug = None, False
        kind = Config if self._idle else _WithoutIdle
        config = kind.from_args(args, hash_context=BuiltinHash(rounds=1))
        self._config = config
        login = Login(config)
        await DictBackend._add_demo_user(config, login)
        self._imap = IMAPServer(login, config)

    async def _finish(self) -> None:
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def start(self) -> None:
        """Listen."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._imap(reader, writer, SocketInfo.get(writer, None))
            self._writers.discard(writer)

        async def listen() -> None:
            self._server = await asyncio.start_server(serve, "127.0.0.1", self.port, limit=2**20)

        self._do(listen())

    def fill(self, mails: Iterable[bytes]) -> None:
        """Put many mails into the INBOX at once; a mail program needs 40 ms for each."""
        with program(self.port):  # the mailbox is made at the first login
            pass

        async def append() -> None:
            [(mailboxes, _)] = self._config.set_cache.values()
            inbox = await mailboxes.get_mailbox("INBOX")
            for raw in mails:
                await inbox.append(AppendMessage(raw, datetime(2026, 9, 21, tzinfo=UTC), frozenset()))

        self._do(append())

    def cut(self) -> None:
        """Drop every connection."""

        async def drop() -> None:
            for writer in self._writers:
                writer.transport.abort()

        self._do(drop())

    def stop(self) -> None:
        """Listen no more and drop every connection."""

        async def close() -> None:
            if self._server is not None:
                self._server.close()

        self._do(close())
        self.cut()


class Dovecot:
    """Dovecot with a configuration, folder and port of its own; any user may log in with the password."""

    def __init__(self) -> None:
        self.port = free_port()

    def __enter__(self) -> Self:
        self._made = tempfile.TemporaryDirectory(
            prefix="dovecot-", ignore_cleanup_errors=True
        )  # socket names are short
        self._folder = Path(self._made.name)
        self._file = self._folder / "dovecot.conf"
        self.mail = self._folder / "mail"
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._owner = pwd.getpwnam(user)
        for part in ("run", "state", "mail"):
            (self._folder / part).mkdir(parents=True)
        self._folder.chmod(0o755)  # its processes run as other users
        self.own()
        inner = "" if os.geteuid() == 0 else f"default_internal_user = {user}\ndefault_login_user = {user}\n"
        self._file.write_text(
            _DOVECOT.format(folder=self._folder, port=self.port, uid=user, gid=self._owner.pw_gid) + inner
        )
        self._log = (self._folder / "out").open("wb")
        self._process = subprocess.Popen(["dovecot", "-F", "-c", str(self._file)], stdout=self._log, stderr=self._log)
        try:
            _until(lambda: self._process.poll() is not None or _answers(self.port), "Dovecot listens")
            assert self._process.poll() is None, f"Dovecot does not start: {(self._folder / 'out').read_text()}"
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
        self._made.cleanup()

    def own(self) -> None:
        """Give the mails to the user Dovecot reads them as."""
        if os.geteuid() == 0:
            for path in (self.mail, *self.mail.rglob("*")):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def maildir(self) -> Path:
        """Return the folder new mails may be put into, as a delivery agent does."""
        new = self.mail / USER / "new"
        for part in ("new", "cur", "tmp"):
            (self.mail / USER / part).mkdir(parents=True, exist_ok=True)
        return new

    def change_uidvalidity(self) -> None:
        """Do to INBOX what a restored backup or a moved server does."""
        command = [
            "doveadm",
            "-c",
            str(self._file),
            "mailbox",
            "update",
            "-u",
            USER,
            "--uid-validity",
            "77777",
            "INBOX",
        ]
        subprocess.run(command, check=True, capture_output=True)


_DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 50
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
  chroot =
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""


def has_dovecot() -> bool:
    """Tell whether Dovecot is installed."""
    return shutil.which("dovecot") is not None


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
        return probe.recv(4) == b"* OK"
    return False


def _until(look: Callable[[], bool], what: str) -> None:
    for _ in range(400):
        if look():
            return
        threading.Event().wait(0.05)
    raise TimeoutError(f"waited in vain: {what}")


class Program:
    """A mail program of a person, for the same mailbox."""

    def __init__(self, port: int) -> None:
        self._imap = imaplib.IMAP4("127.0.0.1", port)
        self._imap.login(USER, PASSWORD)

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Put mails into a folder."""
        for raw in mails:
            self._fine(self._imap.append(folder, "", imaplib.Time2Internaldate(1_790_000_000), raw))

    def put_now(self, raw: bytes, folder: str = "INBOX") -> None:
        """Put a mail into a folder that the server gets only now."""
        self._fine(self._imap.append(folder, "", None, raw))

    def make(self, folder: str) -> None:
        """Make a folder."""
        self._fine(self._imap.create(folder))

    def remove(self, folder: str) -> None:
        """Delete a folder with all that is in it."""
        self._fine(self._imap.delete(folder))

    def flags(self, folder: str = "INBOX") -> list[bytes]:
        """Return the flags of all mails, in their order."""
        self._fine(self._imap.select(folder, readonly=True))
        _, found = self._imap.uid("FETCH", "1:*", "(FLAGS)")
        return [line if isinstance(line, bytes) else line[0] for line in found if line is not None]

    def unseen(self, folder: str = "INBOX") -> int:
        """Return how many mails nobody has seen."""
        return sum(b"\\Seen" not in line for line in self.flags(folder))

    def count(self, folder: str = "INBOX") -> int:
        """Return how many mails there are."""
        return len(self.flags(folder))

    def delete(self, uid: int, folder: str = "INBOX") -> None:
        """Delete a mail."""
        self._fine(self._imap.select(folder))
        self._fine(self._imap.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)"))
        self._fine(self._imap.expunge())

    def close(self) -> None:
        """Log out."""
        self._imap.logout()

    @staticmethod
    def _fine(said: tuple[str, Any]) -> None:
        assert said[0] == "OK", said


@contextmanager
def program(port: int) -> Iterator[Program]:
    """Give a mail program that is logged in."""
    made = Program(port)
    try:
        yield made
    finally:
        made.close()
