"""`frontdesk agent ID away`: it says where the tickets go, and a running desk sees to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.parts import CHECKS, KINDS
from config.settings import Settings
from config.watch import DeskFile
from router.hand import CannotActError
from tests.desks import HEAD
from tests.responsibility.desks import team
from tests.responsibility.shift import THREE, Shift
from tickets.pauses import pause
from tickets.store import Store
from worker import App, cli

GOING = (
    HEAD.replace("id: billing,", "id: billing, when_away: substitute, away_after: 90m,")
    .replace("id: sona,", "id: sona, substitute: luca,")
    .replace("id: empty, name: Empty, agents: []", "id: empty, when_away: keep, name: Empty, agents: all")
)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Give a desk that runs, whose desk file and data the commands use too."""
    (tmp_path / "desk.yaml").write_text(GOING, encoding="utf-8")
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "BROKER_URL"):
        monkeypatch.delenv(f"FRONTDESK_{name}", raising=False)
    made = App(Settings(), DeskFile(tmp_path / "desk.yaml", KINDS, CHECKS))
    made.store.migrate()
    yield made
    made.close()


def agent(*words: str) -> list[str]:
    result = CliRunner().invoke(cli, ("agent", *words))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_who_goes_away_hears_where_their_tickets_go_and_the_running_desk_sees_to_it(app: App, tmp_path: Path) -> None:
    front = Shift(app.store, app.desk.current(), tmp_path / "out")
    numbers = [front.of("sona", department=one) for one in ("support", "billing", "support", "empty")]
    assert agent("sona", "away") == [
        "Sona is away.",
        "  1 ticket of Billing goes to Luca, unless Sona is back within 90 min.",
        "  1 ticket of Empty stays with Sona.",
        "  2 tickets go back to the queue of General.",
    ]
    [said] = [json.loads(line) for line in agent("sona", "away", "--json")]
    assert said["tickets"][0] == {"department": "billing", "tickets": 1, "go": "agent:luca", "after": 5_400.0}
    app.staff()
    assert [front.whose(one) for one in numbers] == [None, "sona", None, "sona"]
    figures = app.metrics.text().decode()
    assert 'frontdesk_moved_total{how="returned"} 2.0' in figures
    assert 'frontdesk_queue_size{department="general"} 2.0' in figures
    assert agent("sona", "back") == ["Sona is back."]


def test_who_is_not_at_work_takes_nothing_that_would_not_stay_with_them(store: Store, tmp_path: Path) -> None:
    shift = Shift(store, team(THREE), tmp_path / "out")
    number = shift.mails_in()
    shift.away("sona")
    with pytest.raises(CannotActError, match="Sona is away, so ticket 1 would not stay with them"):
        shift.acts.take(number, "sona")
    shift.says(when_away="keep")
    assert shift.acts.take(number, "sona").changed


def test_a_way_that_is_paused_is_shown_and_works_again_when_somebody_says_so(app: App) -> None:
    with app.store.write() as connection:
        for who in ("sona", "luca"):
            pause(connection, who, "email", f"{who}@acme.example", "550 5.1.1 no such user", 0.0)
    listed = [json.loads(line) for line in CliRunner().invoke(cli, ("agents", "--json")).stdout.splitlines()]
    assert {one["agent"]: one["paused"] for one in listed}["sona"] == {"email": "550 5.1.1 no such user"}
    assert agent("sona", "resume", "email") == ["Sona is told by email again."]
    assert agent("sona", "resume", "email") == ["email to Sona was not paused."]
    assert agent("*", "resume", "email", "--json") == ['{"agent": "*", "way": "email", "ended": 1}']
    with app.store.write() as connection:
        pause(connection, "#gone", "slack", "#gone", "is_archived", 0.0)
    doctor = [json.loads(line) for line in CliRunner().invoke(cli, ("doctor", "--json")).stdout.splitlines()]
    [found] = [one for one in doctor if one["what"] == "slack to #gone"]
    assert (found["state"], found["words"].endswith("frontdesk agent '#gone' resume slack")) == ("warning", True)
    assert "slack to #gone is paused: is_archived" in CliRunner().invoke(cli, ("agents",)).stdout
    assert agent("#gone", "resume", "slack") == ["#gone is told by slack again."]
    assert CliRunner().invoke(cli, ("agent", "#gone", "resume", "slack")).exit_code == 1
    wrong = CliRunner().invoke(cli, ("agent", "sona", "resume", "pigeon"))
    assert (wrong.exit_code, "email|slack|push|in_app|apprise" in wrong.output) == (2, True)
