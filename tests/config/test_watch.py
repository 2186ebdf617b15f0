"""A changed desk file is taken as a whole, a broken one never."""

import itertools
import os
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.problems import DeskError
from config.watch import DeskFile
from router.rules import check_rules
from tests.config.desks import DESK, KINDS, wrote


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def desk_file(folder: Path, clock: Clock, text: str = DESK) -> DeskFile:
    return DeskFile(wrote(folder, text), KINDS, (check_rules,), clock)


def test_a_changed_file_is_in_use_a_second_later(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    before = file.current()
    wrote(tmp_path, DESK.replace("Acme Support", "Acme Care"))
    assert file.current() is before
    clock.now += 1
    with capture_logs() as logs:
        assert file.current().desk.name == "Acme Care"
    assert [(log["event"], log["before"]) for log in logs] == [("desk_reloaded", before.version)]


def test_a_file_that_did_not_change_is_not_read_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk_file(tmp_path, clock)
    monkeypatch.setattr(file, "_read", lambda: pytest.fail("read again"))
    clock.now += 10
    assert file.current() is file.current()


def test_a_file_that_was_only_touched_keeps_the_same_desk(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    before = file.current()
    os.utime(tmp_path / "desk.yaml", (1, 1))
    clock.now += 1
    assert file.current() is before


def test_a_broken_file_keeps_the_old_desk_and_says_so_once(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    before = file.current()
    wrote(tmp_path, DESK.replace("agents: [sona]", "agents: [sonia]").replace("type: smtp", "type: smpt"))
    with capture_logs() as logs:
        for _ in range(3):
            clock.now += 1
            assert file.current() is before
    assert [log["event"] for log in logs] == ["desk_file_broken", "desk_file_problem", "desk_file_problem"]
    assert [log["problem"].partition(": ")[2] for log in logs[1:]] == [
        'no agent is called "sonia"; did you mean "sona"?',
        'no channel type is called "smpt"; did you mean "smtp"?',
    ]
    assert [problem.line for problem in file.problems] == [16, 20]


def test_a_mended_file_is_taken_again(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    (tmp_path / "desk.yaml").unlink()
    clock.now += 1
    assert file.current().desk.name == "Acme Support"
    assert "cannot be read" in str(file.problems[0])
    wrote(tmp_path, DESK)
    clock.now += 1
    with capture_logs() as logs:
        file.current()
    assert [log["event"] for log in logs] == ["desk_file_mended"]
    assert file.problems == ()


def test_a_change_of_an_included_file_counts_even_while_that_file_is_missing(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    wrote(tmp_path, DESK + "include: [more.yaml]\n")
    clock.now += 1
    assert len(file.current().rules) == 1
    wrote(tmp_path, "rules:\n  - {name: More, then: [{tag: vip}]}\n", "more.yaml")
    clock.now += 1
    assert [rule.name for rule in file.current().rules] == ["Invoices", "More"]
    wrote(tmp_path, "rules:\n  - {name: Another, then: [{tag: vip}]}\n", "more.yaml")
    clock.now += 1
    assert [rule.name for rule in file.current().rules] == ["Invoices", "Another"]


def test_reload_does_not_wait_for_the_second(tmp_path: Path, clock: Clock) -> None:
    file = desk_file(tmp_path, clock)
    wrote(tmp_path, DESK.replace("Acme Support", "Acme Care"))
    assert file.reload()
    assert file.current().desk.name == "Acme Care"
    wrote(tmp_path, "broken: [")
    with capture_logs():
        assert not file.reload()
    assert file.current().desk.name == "Acme Care"


def test_a_desk_file_that_is_broken_at_the_start_does_not_start(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(DeskError, match="did you mean"):
        desk_file(tmp_path, clock, DESK.replace("agents: [sona]", "agents: [sonia]"))


def test_many_threads_see_the_old_desk_or_the_new_one_and_never_a_mixture(tmp_path: Path) -> None:
    def text(number: int) -> str:
        return DESK.replace("Acme Support", f"desk-{number}").replace("name: General", f"name: desk-{number}")

    ticks = itertools.count()
    file = DeskFile(wrote(tmp_path, text(0)), KINDS, (), lambda: float(next(ticks)))
    stop, wrong = threading.Event(), list[str]()

    def look() -> None:
        while not stop.is_set():
            desk = file.current()
            if desk.desk.name != desk.departments[0].name:
                wrong.append(desk.desk.name)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 15):
        wrote(tmp_path, text(number), "next.yaml").replace(tmp_path / "desk.yaml")
        file.reload()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert file.current().desk.name == "desk-14"
