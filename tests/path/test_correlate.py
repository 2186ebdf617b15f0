"""Machine mails of one alarm: one ticket, counted, told once, resolved by the OK mail."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from commands.parts import CHECKS, KINDS
from config.desk import Desk
from config.load import load
from config.problems import DeskError
from notify.outbox import listing as notices
from router.correlate import alarm_of, compile_correlations
from router.route import Router
from tests.desks import TRUSTING, desk, mail, proven
from tests.path.stories import Front
from tickets import look
from tickets.message import InboundMessage, Sender
from tickets.schema import correlations
from tickets.store import Store

HOUR = 3600.0
NAGIOS = """
correlations:
  - name: nagios
    from: ["@monitoring.example"]
    channel: mail
    department: general
    subject: '^(?P<state>PROBLEM|RECOVERY|ACK) (?P<host>\\S+)/(?P<service>\\S+)'
    key: [host, service]
    window: 4h
    resolve: ^RECOVERY
  - {name: backup, body: 'job (?P<job>\\d+) failed', window: 30m}
"""


def a_desk(rules: str = "") -> Desk:
    return desk(TRUSTING + NAGIOS, rules)


class Machine(Front):
    """A desk whose monitoring sends mails."""

    sent = 0

    def says(self, subject: str, sender: str = "nagios@monitoring.example", text: str = "see above") -> int:
        """Send a mail of the machine, five seconds after the last one; return its ticket."""
        self.sent += 1
        self.now += 5
        return self.send(f"alarm{self.sent}@monitoring.example", sender=sender, subject=subject, text=text)

    def told(self, number: int) -> int:
        """Return how many notices of a ticket go out."""
        return sum(row["notifier"] != "in_app" for row in notices(self.store, number))

    def times(self) -> list[int]:
        """Return how often each alarm came."""
        with self.store.read() as connection:
            return list(connection.scalars(select(correlations.c.times).order_by(correlations.c.ticket_id)))


@pytest.fixture
def machine(store: Store) -> Machine:
    return Machine(store, a_desk("- {name: All, on: [message.received], then: [{notify: ['agent:mia']}]}"))


def test_a_storm_is_one_ticket_is_counted_and_tells_each_agent_once(machine: Machine) -> None:
    assert machine.says("PROBLEM web1/http") == 1
    told = machine.told(1)
    assert told == 3
    assert {machine.says("PROBLEM WEB1/http") for _ in range(10)} == {1}
    assert machine.says("PROBLEM web2/http") == 2
    assert (machine.counts(), machine.times(), machine.told(1)) == ([11, 1], [11, 1], told)
    assert machine.trace(1)["because"] == "joins the ticket: mail 11 of the same alarm, nagios: host=web1 service=http"
    assert machine.weighed(1)[0] == ("correlation", 1, "joined")


def test_the_ok_mail_resolves_the_ticket_and_the_next_alarm_opens_it_again(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    assert (machine.says("RECOVERY web1/http"), machine.status(1)) == (1, "resolved")
    assert machine.events(1)[-2:] == ["message.received", "ticket.status_changed"]
    before = machine.told(1)
    assert (machine.says("RECOVERY web1/http"), machine.status(1), machine.told(1)) == (1, "resolved", before)
    assert (machine.says("PROBLEM web1/http"), machine.status(1)) == (1, "open")
    assert machine.told(1) > before
    assert machine.events(1).count("ticket.reopened") == 1


def test_an_alarm_after_its_window_gets_a_new_ticket_linked_to_the_earlier_one(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    machine.now += 3 * HOUR
    assert machine.says("PROBLEM web1/http") == 1
    machine.now += 3.9 * HOUR
    assert machine.says("PROBLEM web1/http") == 1  # four hours count from the latest
    machine.now += 4 * HOUR + 1
    assert machine.says("PROBLEM web1/http") == 2
    assert (machine.links(2), machine.links(1), machine.times()) == ([1], [2], [1])
    assert machine.weighed(2)[0] == ("correlation", 1, "expired")
    assert machine.says("PROBLEM web1/http") == 2


def test_the_ok_mail_resolves_its_ticket_however_late_it_comes(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    machine.now += 100 * HOUR
    assert (machine.says("RECOVERY web1/http"), machine.status(1)) == (1, "resolved")


@pytest.mark.parametrize("status", ["closed", "spam"])
def test_an_alarm_whose_ticket_is_over_gets_a_new_linked_one(machine: Machine, status: str) -> None:
    machine.says("PROBLEM web1/http")
    machine.set(1, status=status)
    assert machine.says("PROBLEM web1/http") == machine.says("PROBLEM web1/http") == 2
    assert machine.links(2) == [1]


def test_an_alarm_whose_ticket_was_merged_goes_on_in_the_one_that_took_it_in(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    machine.says("PROBLEM web2/http")
    machine.set(1, status="merged", merged_into=2)
    assert machine.says("PROBLEM web1/http") == 2


def test_an_ok_mail_of_an_unknown_alarm_is_a_resolved_ticket_that_is_told(machine: Machine) -> None:
    assert (machine.says("RECOVERY web1/http"), machine.status(1)) == (1, "resolved")
    assert machine.told(1) == 3


@pytest.mark.parametrize(
    ("sender", "to", "channel", "subject"),
    [
        ("mallory@evil.example", "support@acme.example", "mail", "PROBLEM web1/http"),
        ("mallory@notmonitoring.example", "support@acme.example", "mail", "PROBLEM web1/http"),
        ("nagios@monitoring.example", "billing@acme.example", "mail", "PROBLEM web1/http"),
        ("nagios@monitoring.example", "support@acme.example", "other", "PROBLEM web1/http"),
        ("nagios@monitoring.example", "support@acme.example", "mail", "Re: PROBLEM web1/http"),
    ],
)
def test_what_is_not_within_the_limits_is_no_alarm(
    machine: Machine, sender: str, to: str, channel: str, subject: str
) -> None:
    machine.says("PROBLEM web1/http")
    raw = mail("m@x", sender=sender, to=to, subject=subject)
    [number] = machine.keep(raw, to=to, channel=channel)
    [done] = machine.router.route(number)
    assert (done.ticket, machine.times(), machine.links(2)) == (2, [1], [])


def test_a_persons_answer_to_an_alarm_joins_its_ticket_and_is_no_repeat(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    told = machine.told(1)
    answer = mail("b@x", sender="mia@acme.example", answers="alarm1@monitoring.example", subject="Re: it")
    assert machine.route(proven(answer)) == 1
    assert machine.times() == [1]
    assert machine.told(1) > told


def test_a_signed_address_is_stronger_than_an_alarm_and_does_not_move_it(machine: Machine) -> None:
    machine.says("PROBLEM web1/http")
    machine.says("PROBLEM web2/http")
    address = machine.reply_to(2)
    sender = "nagios@monitoring.example"
    raw = mail("m@x", sender=sender, subject="PROBLEM web1/http", cc=address)
    assert machine.route(raw) == 2
    assert machine.says("PROBLEM web1/http") == 1


def test_first_alarms_at_the_same_moment_end_in_one_ticket_in_any_order(store: Store) -> None:
    machine, chance = Machine(store, a_desk()), random.Random(5)
    raws = [
        mail(f"{host}.{n}@m", sender="nagios@monitoring.example", subject=f"PROBLEM web{host}/http")
        for host in range(4)
        for n in range(5)
    ]
    raws += [
        mail(f"{host}.ok@m", sender="nagios@monitoring.example", subject=f"RECOVERY web{host}/http")
        for host in range(4)
    ]
    numbers = machine.keep(*raws)
    for _ in range(3):
        chance.shuffle(numbers)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(Router(store, lambda: machine.at).route, [*numbers, *numbers]))
    found = list(look.listing(store))
    assert [(row["messages"], row["status"]) for row in found] == [(6, "resolved")] * 4
    assert machine.times() == [6] * 4


def said(subject: str, sender: str = "nagios@monitoring.example", **fields: str) -> InboundMessage:
    return InboundMessage(
        channel="smtp", external_id="a", conversation="a", sender=Sender(id=sender), subject=subject, **fields
    )


def test_the_groups_name_the_alarm_in_any_case_and_however_long() -> None:
    compiled = compile_correlations(a_desk())
    at = frozenset({"general"})
    one = alarm_of(compiled, said("problem Web1/HTTP x"), "mail", at)
    other = alarm_of(compiled, said("RECOVERY web1/http"), "mail", at)
    assert one is not None
    assert other is not None
    assert (one.key, one.over, other.key, other.over) == ("host=web1 service=http", False, one.key, True)
    long = alarm_of(compiled, said("PROBLEM " + "x" * 3000 + "/http"), "mail", at)
    assert long is not None
    assert long.key.startswith("sha256:")
    body = alarm_of(compiled, said("x", sender="a@b.example", text="Job 17 failed \0"), "any", frozenset())
    assert body is not None
    assert (body.name, body.key, body.window) == ("backup", "job=17", 1800)
    assert alarm_of(compiled, said("x" * 4000, text="job failed"), "mail", at) is None


WRONG = {
    "{name: a}": "needs one pattern with named groups, under `subject` or under `body`",
    "{name: a, subject: '(?P<x>a)', body: '(?P<x>a)'}": "needs one pattern",
    "{name: a, subject: 'DOWN (\\S+)'}": "has no named group; what names the alarm is written (?P<host>…)",
    "{name: a, subject: '(?P<host>'}": "not a pattern RE2 understands",
    "{name: a, subject: '(?P<host>(\\w{1,900}){1,900})'}": "RE2",
    "{name: a, subject: '(?P<host>a)', key: [hots]}": 'no group of the pattern is called "hots"; did you mean "host"?',
    "{name: a, subject: '(?P<h>a)', window: 4 hours}": "not a duration; write it as 90s, 30m, 4h or 2d",
    "{name: a, subject: '(?P<h>a)', window: 4}": "not a duration",
    "{name: a, subject: '(?P<h>a)', window: 0h}": "not a duration",
    "{name: a, subject: '(?P<h>a)', channel: mial}": 'no channel is called "mial"; did you mean "mail"?',
    "{name: a, subject: '(?P<h>a)', department: bilings}": 'no department is called "bilings"',
    "{name: a, subject: '(?P<h>a)', resolve: '('}": "not a pattern RE2 understands",
    "{name: a, subject: '(?P<h>a)', from: [nagios]}": "not a sender",
    "{name: a, subject: '(?P<h>a)', form: [a@b.example]}": 'no key is called "form"; did you mean "from"?',
    "{name: a, subject: '(?P<h>a)'}\n  - {name: a, subject: '(?P<h>a)'}": 'name "a" is already taken',
}


@pytest.mark.parametrize("entry", WRONG)
def test_a_mistake_is_told_with_its_place(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(f"{TRUSTING}correlations:\n  - {entry}\n", encoding="utf-8")
    with pytest.raises(DeskError) as caught:
        load(path, KINDS, CHECKS)
    assert WRONG[entry] in str(caught.value)
    assert "correlations.0" in str(caught.value)


def test_a_correlation_of_anybodys_mails_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(TRUSTING + NAGIOS, encoding="utf-8")
    said = [str(one) for one in load(path, KINDS, CHECKS).warnings if "correlations" in one.path]
    assert len(said) == 1
    assert "correlations.1: warning: takes mails of any sender" in said[0]
