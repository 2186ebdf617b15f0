"""`rules test`: where a message would go, told by the code of the real path, before it does."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from config.cases import FOLDER, Expected, load_cases
from config.problems import DeskError
from config.settings import EXAMPLE
from ingest.mail.arrival import Way, arrival
from router.book import book_of
from router.lookups import MailHeaders
from router.trial.expect import differences
from router.trial.file import Scene, Trials
from tests.desks import HEAD, TRUSTING, desk, mail, proven
from tests.path.stories import Front
from tickets import look
from tickets.store import Store
from worker import cli

RULES = """
  - name: Invoices
    when: [{subject: {contains: invoice}}]
    then: [transfer: billing, tag: vip, notify: ["slack:#money"]]
    stop: true
  - name: Late
    when: [{to: billing@acme.example}]
    then: [priority: high]
"""
INVOICE = mail("a@x", to="support@acme.example", subject="My invoice")
UPDATE = {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "Hi"}}


@pytest.fixture(autouse=True)
def desk_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every command its own desk file, and no database that could be asked."""
    (tmp_path / "desk.yaml").write_text(f"{HEAD}\nrules:{RULES}", encoding="utf-8")
    (tmp_path / "invoice.eml").write_bytes(INVOICE)
    (tmp_path / "hello.eml").write_bytes(mail("b@x"))
    (tmp_path / "update.json").write_text(json.dumps(UPDATE), encoding="utf-8")
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["rules", "test", *words])


def one(*words: str) -> dict[str, Any]:
    result = call(*words, "--json")
    [said] = map(json.loads, result.stdout.splitlines())
    found: dict[str, Any] = said
    return found


def case(folder: Path, name: str, text: str, raw: bytes = INVOICE, ends: str = ".eml") -> None:
    """Write a golden case."""
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / FOLDER / f"{name}{ends}").write_bytes(raw)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bounce+b.17.", "goes to the address for bounces of notice 17"),
        ("reply+a.17.", "the reply address of a notice"),
    ],
)
def test_a_mail_to_an_address_of_a_notice_becomes_no_ticket(desk_folder: Path, name: str, words: str) -> None:
    (desk_folder / "to.eml").write_bytes(mail("c@x", to=f"{name}{'a' * 16}@support.acme.example"))
    said = one("to.eml")
    assert said["outcome"] == "ignored"
    assert words in said["because"]
    assert "becomes no ticket" in call("to.eml").stdout


def test_it_tells_where_a_mail_would_go_and_why() -> None:
    shown = call("invoice.eml")
    assert shown.exit_code == 0
    for words in (
        "message from ann@example.com: My invoice",
        "a new ticket in general: the mail is addressed to support@acme.example",
        "✓ Invoices: transfer billing, tag vip, notify slack:#money; stops here",
        "· Late: not reached, 'Invoices' stopped",
        "→ billing, nobody: a transfer assigns nobody",
        "new, priority normal",
        "→ sona by email: a new ticket in your department Billing",
    ):
        assert words in shown.stdout
    said = one("invoice.eml")
    assert (said["outcome"], said["department"], said["tags"], said["rules"]) == (
        "routed",
        "billing",
        ["vip"],
        ["Invoices"],
    )
    assert said["told"] == ["sona", "luca"]
    assert [(notice["recipient"], notice["sent"]) for notice in said["notices"]][-1] == ("#money", False)


def test_nothing_is_left_behind(desk_folder: Path) -> None:
    before = sorted(path.name for path in desk_folder.rglob("*"))
    call("invoice.eml", "hello.eml")
    assert sorted(path.name for path in desk_folder.rglob("*")) == before


def test_an_expectation_makes_it_a_check_that_says_which_rule_it_was() -> None:
    assert call("invoice.eml", "--expect", "department=billing", "--expect", "tags=vip").exit_code == 0
    assert call("invoice.eml", "--expect", "agent=nobody", "--expect", "told=luca,sona").exit_code == 0
    failed = call("invoice.eml", "--expect", "department=general", "--expect", "priority=high")
    assert failed.exit_code == 1
    assert "department: expected general, got billing (rule Invoices)" in failed.stdout
    assert "priority: expected high, got normal (no rule)" in failed.stdout
    missed = call("invoice.eml", "--expect", "rules=Invoices,Late")
    assert "rules: expected Invoices, Late, got Invoices (Late: not reached, 'Invoices' stopped)" in missed.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("invoice.eml", "--expect", "department=biling"), 'did you mean "billing"?'),
        (("invoice.eml", "--expect", "departmint=billing"), 'did you mean "department"?'),
        (("invoice.eml", "--expect", "billing"), "write WHAT=VALUE"),
        (("invoice.eml", "--channel", "mial"), "did you mean mail?"),
        (("invoice.eml", "--away", "nobody"), "No agent of this desk"),
        (("invoice.eml", "--at", "noon"), "not a time"),
        (("update.json",), "say with --channel NAME"),
        (("missing.eml",), "does not exist"),
        (("--expect", "department=billing"), "go with a FILE"),
        ((), "There are no golden cases"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(words: tuple[str, ...], says: str) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert says in result.output


def test_a_broken_desk_file_ends_with_2_and_every_problem(desk_folder: Path) -> None:
    broken = desk_folder / "broken.yaml"
    broken.write_text(f"{HEAD}\nrules:{RULES}".replace("transfer: billing", "transfer: biling"), encoding="utf-8")
    result = call("invoice.eml", "--config", str(broken))
    assert (result.exit_code, "broken.yaml:" in result.output) == (2, True)


def test_a_payload_goes_the_way_of_its_channel() -> None:
    said = one("update.json", "--channel", "bot")
    assert (said["channel"], said["department"], said["because"]) == (
        "bot",
        "billing",
        "a new ticket in billing: the channel bot begins there",
    )


def test_a_rule_that_puts_the_message_aside_is_told(desk_folder: Path) -> None:
    odd = "\n  - {name: Odd, when: [{subject: {contains: invoice}}], then: [{quarantine: true}]}"
    (desk_folder / "desk.yaml").write_text(f"{HEAD}\nrules:{odd}", encoding="utf-8")
    said = one("invoice.eml")
    assert (said["outcome"], said["because"]) == ("quarantined", 'rule "Odd"')


def test_the_envelope_and_who_is_away_set_the_scene() -> None:
    assert one("hello.eml", "--to", "billing@acme.example")["rules"] == ["Late"]
    assert one("hello.eml")["rules"] == []
    assert call("hello.eml", "--away", "sona,luca").exit_code == 0


def test_what_is_no_message_asks_no_rule(desk_folder: Path) -> None:
    (desk_folder / "nonsense.json").write_bytes(b"{")
    said = one("nonsense.json", "--channel", "bot")
    assert (said["outcome"], "department" in said) == ("quarantined", False)
    assert call("nonsense.json", "--channel", "bot").exit_code == 0  # nothing was expected
    assert call("nonsense.json", "--channel", "bot", "--expect", "department=billing").exit_code == 1
    assert call("nonsense.json", "--channel", "bot", "--expect", "outcome=quarantined").exit_code == 0
    (desk_folder / "poll.json").write_bytes(b'{"update_id": 5, "poll": {}}')
    assert one("poll.json", "--channel", "bot")["because"] == "lifecycle of no ticket; rules are not asked"
    hook = HEAD.replace('type: telegram, secret: "env:TELEGRAM_SECRET"', 'type: webhook, secrets: ["env:HOOK"]')
    (desk_folder / "desk.yaml").write_text(hook, encoding="utf-8")
    (desk_folder / "empty.json").write_bytes(b'{"messages": []}')
    assert call("empty.json", "--channel", "bot").exit_code == 0
    assert call("empty.json", "--channel", "bot", "--expect", "department=billing").exit_code == 1


def test_an_agent_is_believed_only_where_the_mail_server_says_so(desk_folder: Path) -> None:
    (desk_folder / "desk.yaml").write_text(TRUSTING, encoding="utf-8")
    own = mail("c@x", sender="sona@acme.example")
    (desk_folder / "own.eml").write_bytes(proven(own))
    (desk_folder / "false.eml").write_bytes(own)
    assert "not proven" not in one("own.eml")["because"]
    assert "not proven" in one("false.eml")["because"]


def test_dns_is_not_asked_when_the_desk_would_ask_it(desk_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("dns.resolver.Resolver.__init__", asked)
    text = HEAD.replace('"127.0.0.1:8025"}', '"127.0.0.1:8025", trust: {verify: [dkim, spf]}}')
    asking = "\nrules: [{name: Unsure, when: [{authentic: unknown}], then: [{priority: low}]}]"
    (desk_folder / "desk.yaml").write_text(text + asking, encoding="utf-8")
    assert one("hello.eml")["rules"] == ["Unsure"]


def test_headers_of_a_tried_mail_are_known() -> None:
    known = MailHeaders(b"X-Kind: =?utf-8?q?sch=C3=B6n?=\r\n\r\n")
    assert (known.header("x-kind"), known.header("x-none")) == (("schön",), ())


def test_what_rules_would_do_besides_is_told_with_its_words(desk_folder: Path) -> None:
    rules = """
  - {name: Order, when: [{subject: {matches: 'order (?P<order>[0-9]+)'}}], then: [{reply: {text: "We look for {{ order }}."}}]}
  - {name: Aside, when: [{body: {contains: virus}}], then: [quarantine: true]}
"""
    (desk_folder / "desk.yaml").write_text(f"{HEAD}\nrules:{rules}", encoding="utf-8")
    (desk_folder / "order.eml").write_bytes(mail("o@x", subject="My order 4711"))
    (desk_folder / "virus.eml").write_bytes(mail("v@x", text="a virus"))
    assert one("order.eml")["effects"] == [
        {"word": "reply", "rule": "Order", "text": "We look for 4711.", "skipped": None}
    ]
    assert "→ reply, rule Order: We look for 4711." in call("order.eml").stdout
    program = mail("o@x", subject="My order 4711").replace(b"Date:", b"Auto-Submitted: auto-replied\r\nDate:")
    (desk_folder / "program.eml").write_bytes(program)
    assert one("program.eml")["effects"][0]["skipped"] == "no person wrote it (auto_reply)"
    assert call("virus.eml", "--expect", "outcome=quarantined").exit_code == 0
    assert 'quarantined: rule "Aside"' in call("virus.eml").stdout


# --- golden cases ---------------------------------------------------------------------------------------------------


def test_the_golden_cases_of_the_example_desk_hold() -> None:
    result = call("--config", str(EXAMPLE))
    assert (result.exit_code, "6 cases, all fine" in result.stdout) == (0, True), result.output


def test_a_golden_case_that_fails_is_told_with_its_rule(desk_folder: Path) -> None:
    case(desk_folder, "invoice", "expect: {department: billing, agent: nobody}")
    case(desk_folder, "late", "to: billing@acme.example\naway: [sona]\nexpect: {priority: normal}", mail("d@x"))
    case(desk_folder, "update", "channel: bot\nexpect: {department: billing}", json.dumps(UPDATE).encode(), ".json")
    result = call()
    assert result.exit_code == 1
    assert "priority: expected normal, got high (rule Late)" in result.stdout
    assert "3 cases, 1 of them not as expected" in result.stdout
    said = [json.loads(line) for line in call("--json").stdout.splitlines()]
    assert [(each["case"], each["fine"]) for each in said] == [("invoice", True), ("late", False), ("update", True)]
    assert said[1]["differences"] == [{"what": "priority", "expected": "normal", "got": "high", "by": "rule Late"}]


def test_a_golden_case_is_as_strict_as_the_desk_file(desk_folder: Path) -> None:
    case(desk_folder, "a", "expect: {departmint: billing}\nat: noon")
    case(desk_folder, "b", "channel: mial\naway: [sonya]\nexpect:\n  tags: [vip, vap]\n  department: biling")
    case(desk_folder, "c", "expect: {department: billing}", ends=".txt")
    (desk_folder / FOLDER / "c.eml").write_bytes(INVOICE)
    (desk_folder / FOLDER / "d.yaml").write_text("expect: {}", encoding="utf-8")
    (desk_folder / FOLDER / "e.eml").write_bytes(INVOICE)
    with pytest.raises(DeskError) as raised:
        load_cases(desk(), desk_folder / FOLDER)
    told = [str(problem).removeprefix(f"{desk_folder / FOLDER}/") for problem in raised.value.problems]
    assert told == [
        'a.yaml:1:10 expect.departmint: no key is called "departmint"; did you mean "department"?',
        "a.yaml:2:5 at: not a time; write it as 2026-12-24T10:00, or 2026-12-24T10:00+01:00",
        'b.yaml:1:10 channel: no channel is called "mial"; did you mean "mail"?',
        'b.yaml:2:8 away.0: no agent is called "sonya"; did you mean "sona"?',
        'b.yaml:4:15 expect.tags.1: no tag is called "vap"; known: vip',
        'b.yaml:5:15 expect.department: no department is called "biling"; did you mean "billing"?',
        "c.yaml: the case has two messages",
        "d.yaml: the case has no message; put d.eml or d.json beside it",
        "e.eml: nothing says what must become of it; write e.yaml",
    ]
    assert call().exit_code == 2


# --- laws -----------------------------------------------------------------------------------------------------------


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_tried_as_a_mail_and_as_a_payload(raw: bytes) -> None:
    at = desk(HEAD, RULES)
    trials = Trials(book_of(at))
    for name in ("mail", "bot", "site"):
        for result in trials.try_file(raw, "any", at.channels_by_name[name], Scene(0.0)):
            assert (result.tried is not None) == (result.outcome == "routed")
            assert differences(Expected(outcome=result.outcome), result) == []


@pytest.mark.parametrize("raw", [INVOICE, mail("b@x"), mail("e@x", to="billing@acme.example")])
def test_what_is_tried_is_what_then_happens(store: Store, raw: bytes) -> None:
    at = desk(HEAD, RULES)
    front = Front(store, at)
    number = front.route(raw)
    [ticket] = look.listing(store)
    sent = arrival("mail", raw, Way("smtp", "", ["support@acme.example"]))
    trials = Trials(book_of(at))
    scene = Scene(front.now, to=tuple(sent.meta["recipients"]))
    [result] = trials.try_file(raw, "any.eml", at.channels_by_name["mail"], scene)
    assert result.tried is not None
    decision = result.tried.decision
    assert (ticket["department"], ticket["agent"], ticket["tags"], ticket["priority"]) == (
        decision.department,
        decision.agent,
        list(decision.tags),
        decision.priority,
    )
    assert front.trace(number)["rules"] == result.tried.verdict.trace["rules"]
    told = [notice["recipient"] for notice in look.passes(store, number)[0]["told"] if notice["state"] == "pending"]
    assert list(dict.fromkeys(told)) == list(result.tried.told)


def test_the_cases_lie_beside_the_desk_file_that_is_named(desk_folder: Path) -> None:
    elsewhere = desk_folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(desk_folder / "desk.yaml", elsewhere)
    case(elsewhere, "invoice", "expect: {department: billing}")
    assert call("--config", str(elsewhere / "desk.yaml")).exit_code == 0
