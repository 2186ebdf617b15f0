"""Real desks in real processes: started, killed with -9, started again on the same data, and always cleaned up."""

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from config.settings import Settings
from tests.chaos.wire import Wire

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 30
Seen = TypeVar("Seen")
COMMANDS = {
    "run": [sys.executable, str(ROOT / "worker.py"), "run"],
    "listen": [str(BIN / "frontdesk"), "listen"],
    "work": [str(BIN / "dramatiq"), "worker:setup", "-p", "1", "-t", "2", "--path", str(ROOT)],
}
DESK = """
desk: {{name: Acme Support, domain: support.acme.example}}
agents:
  - {{id: sona, name: Sona, email: sona@acme.example}}
departments:
  - {{id: general, name: General, agents: all, addresses: [support@acme.example]}}
  - {{id: billing, name: Billing, agents: all, addresses: [billing@acme.example]}}
channels:
  - {{name: mail, type: smtp, listen: "127.0.0.1:{smtp}", max_size: 1000000}}
  - {{name: site, type: chat, origins: ["https://acme.example"]}}
notifiers:
  email: {{from: desk@support.acme.example}}
"""
"""Braces are doubled, because the port is filled in."""


def until(look: Callable[[], Seen], seconds: float, what: str) -> Seen:
    """Look until there is something to see and return it; fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.02)
    return seen


def quiet_port() -> int:
    """Return a free port that no client is given as its own: those who knock at a dead desk would answer themselves."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


class Program:
    """One process group and its log; `kill -9` means all of it."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path, folder: Path) -> None:
        self.log = log
        with log.open("ab", buffering=0) as file:
            self._begun = file.tell()
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has written to its log since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._begun)
            return file.read().decode("utf-8", "replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def says(self, words: str, seconds: float = START_SECONDS) -> None:
        """Wait until the words stand in the log."""
        until(lambda: words in self.said or self._must_run(), seconds, f"{words!r} in the log")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill the whole group with -9."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def ends(self, seconds: float) -> int:
        """Wait for its end and return the exit code."""
        return self.process.wait(seconds)

    def _must_run(self) -> bool:
        assert self.running, f"it ended with {self.process.returncode}:\n{self.said}"
        return False


class DeskProcess:
    """One desk file with ports of its own, and the processes that were started on it."""

    def __init__(
        self, folder: Path, text: str = DESK, *, database_url: str | None = None, broker_url: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.smtp, self.http = quiet_port(), quiet_port()
        self.file = folder / "desk.yaml"
        self.write(text)
        settings = {
            "FRONTDESK_CONFIG": str(self.file),
            "FRONTDESK_DATA": str(self.data),
            "FRONTDESK_HTTP": f"127.0.0.1:{self.http}",
            "FRONTDESK_LOG": "json",
            "PYTHONUNBUFFERED": "1",
            "FRONTDESK_DATABASE_URL": database_url or "",
            "FRONTDESK_BROKER_URL": broker_url or "",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
        self.environment = inherited | {name: value for name, value in settings.items() if value}
        self.database = Settings(data=self.data, database_url=database_url).database
        self._programs: list[Program] = []

    def write(self, text: str) -> None:
        """Replace the desk file in one step, as editors do."""
        new = self.file.with_suffix(".new")
        new.write_text(text.format(smtp=self.smtp), encoding="utf-8")
        new.replace(self.file)

    def start(self, what: str = "run", *, ready: bool = True) -> Program:
        """Start `run`, `listen` or `work`; returns when it answers, or at once when it need not be ready."""
        program = Program(COMMANDS[what], self.environment, self.folder / f"{what}.log", self.folder)
        self._programs.append(program)
        if not ready:
            return program
        if what == "work":
            program.says("Worker process is ready for action.")
        else:
            until(lambda: self._answers() or program._must_run(), START_SECONDS, "the desk answers")
        return program

    def _answers(self) -> bool:
        try:
            status, _, _ = self.ask("GET", "/readyz")
            Wire(self.smtp).close()
        except OSError:
            return False
        return status == 200

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """Return status, headers and body of an HTTP request to the desk."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=40)
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError("the desk hung up") from error
        finally:
            connection.close()

    def mail(self, raw: bytes, sender: str = "ann@example.com", to: str = "support@acme.example") -> str:
        """Send a mail over a connection of its own and return the desk's last word."""
        with Wire(self.smtp) as wire:
            wire.say("EHLO client.example")
            return wire.mail(raw, sender, to)

    def close(self) -> None:
        """Kill what still runs."""
        for program in self._programs:
            program.kill()

    @property
    def logs(self) -> str:
        """The ends of all logs, for the reader of a failure."""
        return "\n".join(
            f"== {log.name}\n{log.read_text('utf-8', 'replace')[-8_000:]}" for log in sorted(self.folder.glob("*.log"))
        )


class Desks:
    """Makes desks for one test and cleans them up after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[DeskProcess] = []

    def make(self, text: str = DESK, *, database_url: str | None = None, broker_url: str | None = None) -> DeskProcess:
        """Return a new desk; nothing runs yet."""
        folder = self._folder / f"desk{len(self.made) + 1}"
        self.made.append(DeskProcess(folder, text, database_url=database_url, broker_url=broker_url))
        return self.made[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for desk in self.made:
            desk.close()
