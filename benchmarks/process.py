"""A program of ours in a process of its own, that answers in lines of JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import BrokenBenchmarkError

HERE: Final = Path(__file__).parent
DESK: Final = HERE / "desk.yaml"


class Child:
    """A running child; its log goes to a file, as a service's does."""

    def __init__(self, running: subprocess.Popen[str], folder: Path) -> None:
        self._running = running
        self.folder = folder

    def read(self) -> dict[str, Any]:
        """Return the next thing the child says; raises `BrokenBenchmarkError` with its last words when it died."""
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        if not line:
            words = _log(self.folder).read_text(encoding="utf-8", errors="replace")[-2000:]
            raise BrokenBenchmarkError(f"a child of the benchmark died:\n{words}")
        said: dict[str, Any] = json.loads(line)
        return said

    def ask(self) -> dict[str, Any]:
        """Send the child an empty line and return what it says to it."""
        assert self._running.stdin is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()
        return self.read()


@contextmanager
def child(module: str, folder: Path, *arguments: str) -> Iterator[Child]:
    """Run `python -m module folder arguments…`; its input is closed at the end of the block, and it is waited for."""
    with (
        _log(folder).open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module, str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=HERE.parent,
        ) as running,
    ):
        try:
            yield Child(running, folder)
        except BaseException:
            running.kill()
            raise


def _log(folder: Path) -> Path:
    return folder / "log"


def say(**said: object) -> None:
    """Tell the parent something."""
    print(json.dumps(said), flush=True)
