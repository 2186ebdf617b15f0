"""Every mistake in a desk file is told at once, with its place and what to do about it."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.load import load
from config.problems import DeskError
from tests.config.desks import DESK, KINDS, loaded, problems, said, wrote

NAME = "must be a short name: lower-case letters, digits, - and _, beginning with a letter or digit, at most 63"

# what is replaced in the desk file, by what, and the one problem that must come of it
BROKEN = [
    # agents and departments
    ("    email: luca@", "    emial: luca@", 'desk.yaml:6:5 agents.1: the key "email" is missing; add it'),
    ("agents: [sona]", "agents: [sonia]", 'desk.yaml:16:14 departments.1.agents.0: no agent is called "sonia"; did you mean "sona"?'),
    ("agents: [sona]", "agents: [zebra]", 'desk.yaml:16:14 departments.1.agents.0: no agent is called "zebra"; known: sona, luca'),
    ("agents: [sona]", "agents: [sona, sona]", 'desk.yaml:16:20 departments.1.agents.1: the agent "sona" is already taken by departments.1.agents.0'),
    ("agents: [sona]", "agents: al", 'desk.yaml:16:13 departments.1.agents: must be a list; write it as [one, two], or must be "all"; did you mean "all"?'),
    ("agents: [sona]", "agents: [sona, 3]", "desk.yaml:16:20 departments.1.agents.1: must be text; put it in quotes"),
    ("id: luca", "id: Luca", f"desk.yaml:6:9 agents.1.id: {NAME}"),
    ("id: luca", "id: sona", 'desk.yaml:6:9 agents.1.id: the agent id "sona" is already taken by agents.0.id'),
    ("id: luca", "id: nobody", 'desk.yaml:6:9 agents.1.id: "nobody" is what a rule assigns to have no agent; choose another id'),
    ("luca@acme.example", "SONA@acme.example", 'desk.yaml:8:12 agents.1.email: the agent email "sona@acme.example" is already taken by agents.0.email'),
    ("luca@acme.example", "luca", "desk.yaml:8:12 agents.1.email: not an email address; write it as name@example.com"),
    ("name: Luca", "name: 3", "desk.yaml:7:11 agents.1.name: must be text; put it in quotes"),
    ("    name: Luca", "    timezone: Rome\n    name: Luca", "desk.yaml:7:15 agents.1.timezone: no time zone is called 'Rome'; write it as Europe/Rome"),
    ("id: billing", "id: general", 'desk.yaml:14:9 departments.1.id: the department id "general" is already taken by departments.0.id'),
    ("billing@acme", "support@acme", 'desk.yaml:17:17 departments.1.addresses.0: the department address "support@acme.example" is already taken by departments.0.addresses.0'),
    ("    agents: all", "    agents: all\n    follow_up: {resolved: reopne}", 'desk.yaml:13:27 departments.0.follow_up.resolved: must be "reopen" or "new_linked"; did you mean "reopen"?'),
    ("    agents: all", "    agents: all\n    follow_up: {resolvd: reopen}", 'desk.yaml:13:17 departments.0.follow_up.resolvd: no key is called "resolvd"; did you mean "resolved"?'),
    # the sections
    ("desk: {name: Acme Support, domain: support.acme.example}\n", "", 'desk.yaml:1:1: the section "desk" is missing; add it with name and domain'),
    (", domain: support.acme.example", "", 'desk.yaml:1:7 desk: the key "domain" is missing; add it'),
    ("tags: [", "tagz: [vip]\ntags: [", 'desk.yaml:28:1 tagz: no section is called "tagz"; did you mean "tags"?'),
    ("tags: [vip, invoice]", "tags: [vip, VIP]", f"desk.yaml:28:13 tags.1: {NAME}"),
    ("tags: [vip, invoice]", "tags: vip", "desk.yaml:28:7 tags: must be a list; begin each entry with a dash"),
    # channels and notifiers
    ("type: smtp", "type: smpt", 'desk.yaml:20:11 channels.0.type: no channel type is called "smpt"; did you mean "smtp"?'),
    ("    type: smtp\n", "", 'desk.yaml:19:5 channels.0: the key "type" is missing; add it'),
    ("listen: 127", "lisen: 127", 'desk.yaml:19:5 channels.0: the key "listen" is missing; add it'),
    ("    listen: 127.0.0.1:8025", "    listen: x:1\n    max_size: 5", "desk.yaml:22:15 channels.0.max_size: must be at least 1024"),
    ("rules:", "rules:\n  - {name: Invoices, then: [{tag: vip}]}", 'desk.yaml:31:11 rules.1.name: the rule name "Invoices" is already taken by rules.0.name'),
    ("name: bot", "name: support-mail", 'desk.yaml:22:11 channels.1.name: the channel name "support-mail" is already taken by channels.0.name'),
    ("department: billing", "department: biling", 'desk.yaml:25:17 channels.1.department: no department is called "biling"; did you mean "billing"?'),
    ("env:TELEGRAM_SECRET", "hunter2", "desk.yaml:24:13 channels.1.secret: a secret is written as a reference, env:NAME or file:/path, never in the desk file itself"),
    ("  email: {", "  emial: {", 'desk.yaml:27:3 notifiers.emial: no notifier is called "emial"; did you mean "email"?'),
    ("{from: desk", "{form: desk", 'desk.yaml:27:11 notifiers.email.form: no key is called "form"; did you mean "from"?'),
    # rules
    ("    then:", "    on: [ticket.craeted]\n    then:", 'desk.yaml:33:10 rules.0.on.0: no event is called "ticket.craeted"; did you mean "ticket.created"?'),
    ("subject:", "subjct:", 'desk.yaml:32:10 rules.0.when.0.subjct: no condition is called "subjct"; did you mean "subject"?'),
    ("contains:", "contian:", 'desk.yaml:32:20 rules.0.when.0.subject.contian: no operator is called "contian"; did you mean "contains"?'),
    ("transfer: billing", "transfer: biling", 'desk.yaml:34:19 rules.0.then.0.transfer: no department is called "biling"; did you mean "billing"?'),
    ("transfer: billing", "tranfser: billing", 'desk.yaml:34:9 rules.0.then.0.tranfser: no action is called "tranfser"; did you mean "transfer"?'),
    ("assign: sona", "assign: luca", "desk.yaml:35:17 rules.0.then.1.assign: luca is not in billing, where this rule transfers the ticket; assign one of its agents, or add luca to departments.billing.agents"),
    ("    when:\n      - {subject: {contains: invoice}}", "    when: {subject: x}", "desk.yaml:31:11 rules.0.when: must be a list; write it as [one, two]"),
    ("    then:", "    active: maybe\n    then:", "desk.yaml:33:13 rules.0.active: must be true or false"),
    # YAML itself
    ("name: Luca", "name: Luca: x", 'desk.yaml:7:15: not valid YAML: mapping values are not allowed here; check the indentation, or put a text with ": " in it in quotes'),
    ("name: Luca", "name: Luca\n    name: Lucia", 'desk.yaml:8:5 agents.1.name: the key "name" is written twice; the first stands in line 7'),
    ("name: Luca", "name: !!python/name:os.system x", 'desk.yaml:7:11 agents.1.name: YAML tags are not used here; take out "tag:yaml.org,2002:python/name:os.system"'),
    ("name: Luca", "name: !secret x", 'desk.yaml:7:11 agents.1.name: YAML tags are not used here; take out "!secret"'),
    ("name: Luca", "name: *luca", "desk.yaml:7:11: not valid YAML: found undefined alias 'luca'"),
    ("name: Luca", "name: Lu\0ca", "desk.yaml:7:13: a character that YAML does not allow; delete it"),
    ("name: Luca", "name: Luca\n    ? [a]\n    : b", "desk.yaml:8:7 agents.1: a key must be plain text"),
    ("name: Luca", "name: {<<: {a: b}}", "desk.yaml:7:11 agents.1.name: must be text; put it in quotes"),
]  # fmt: skip


def test_the_desk_file_of_these_tests_is_fine(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.warnings == ()
    assert found.desk.members("general") == {"sona", "luca"}
    assert found.desk.channels_by_name["bot"].department == "billing"


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN, ids=[new.strip()[:40] for _, new, _ in BROKEN])
def test_a_mistake_is_told_with_its_place_and_the_nearest_word(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert DESK.count(old) >= 1
    assert expected in said(tmp_path, DESK.replace(old, new, 1))


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN, ids=[new.strip()[:40] for _, new, _ in BROKEN])
def test_one_mistake_is_not_told_as_many(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = said(tmp_path, DESK.replace(old, new, 1))
    assert len(found) <= 3
    assert expected in found


WHOLE = [
    (b"", "desk.yaml:1:1: the file is empty"),
    (b"# nothing yet\n", "desk.yaml:1:1: the file is empty"),
    (b"- a\n", "desk.yaml:1:1: the file must begin with a section, like `agents:`"),
    (b"a: caf\xe9", "desk.yaml:1:7: the file is not UTF-8 here; save it as UTF-8"),
    (b"a: 1\n---\nb: 2\n", 'desk.yaml:2:1: not valid YAML: but found another document; take out the line "---"'),
    (b"a:\n\t- b\n", "desk.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token; put the text in quotes, and use spaces instead of tabs"),
    (b"a: [1", "desk.yaml:1:6: not valid YAML: expected ',' or ']', but got '<stream end>'"),
    (b"[" * 999_999, "desk.yaml:1:201: nested too deeply (more than 32 levels)"),
    (b"a: " + b"[" * 40 + b"]" * 40, "desk.yaml:1:36: nested too deeply (more than 32 levels)"),
    (b"a: &a [*a]", "desk.yaml:1:4: nested too deeply (more than 32 levels)"),
    (b"#" * 1_000_001, "desk.yaml:1:1: the file is larger than 1,000,000 bytes; split it with include:"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), WHOLE, ids=[words.partition(": ")[2] for _, words in WHOLE])
def test_a_file_that_cannot_be_used_at_all_is_one_problem(tmp_path: Path, raw: bytes, expected: str) -> None:
    assert said(tmp_path, raw) == [expected]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeskError) as caught:
        load(tmp_path / "desk.yaml", KINDS)
    assert str(caught.value) == f"{tmp_path}/desk.yaml: the file cannot be read: no such file or directory"


def test_aliases_that_multiply_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = said(tmp_path, "\n".join(lines))
    assert len(found) == 1
    assert "aliases (*name) of this file unfold without end" in found[0]


def test_an_alias_may_save_writing_a_list_twice(tmp_path: Path) -> None:
    text = DESK.replace("agents: all", "agents: &people [sona]").replace("agents: [sona]", "agents: *people")
    assert loaded(tmp_path, text).desk.members("billing") == {"sona"}


def test_yes_and_on_and_dates_are_text_as_in_yaml_1_2(tmp_path: Path) -> None:
    text = DESK.replace("name: Luca", "name: no").replace("name: Sona", "name: 2026-11-22")
    desk = loaded(tmp_path, text).desk
    assert [agent.name for agent in desk.agents] == ["2026-11-22", "no"]


def test_all_mistakes_are_told_at_once_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        DESK.replace("sona@acme.example", "sona")
        .replace("name: General", "nmae: General")
        .replace("agents: [sona]", "agents: [sonia, luka]")
        .replace("type: smtp", "type: smpt")
        .replace("{from:", "{form:")
        .replace("contains:", "contian:")
        .replace("transfer: billing", "transfer: bling")
    )
    found = problems(tmp_path, text)
    assert [(problem.line, problem.path) for problem in found] == [
        (5, "agents.0.email"),
        (10, "departments.0"),
        (11, "departments.0.nmae"),
        (16, "departments.1.agents.0"),
        (16, "departments.1.agents.1"),
        (20, "channels.0.type"),
        (27, "notifiers.email.form"),
        (32, "rules.0.when.0.subject.contian"),
        (34, "rules.0.then.0.transfer"),
    ]
    assert [problem.column for problem in found if problem.line == 16] == [14, 21]


def test_a_broken_agent_is_still_known_to_departments_and_rules(tmp_path: Path) -> None:
    found = problems(tmp_path, DESK.replace("sona@acme.example", "nowhere").replace("    name: Sona\n", ""))
    assert [problem.path for problem in found] == ["agents.0", "agents.0.email"]


def test_a_missing_section_is_one_problem_not_one_for_every_reference(tmp_path: Path) -> None:
    found = problems(tmp_path, DESK.replace("\nagents:", "\nagent:"))
    assert [(problem.path, problem.suggestion) for problem in found] == [("", None), ("agent", "agents")]
    found = problems(tmp_path, DESK.replace("channels:", "chanels:"))
    assert [(problem.path, problem.suggestion) for problem in found] == [("chanels", "channels")]


@pytest.mark.parametrize("section", ["agents", "departments", "channels", "notifiers", "tags", "rules"])
@pytest.mark.parametrize("value", ["3", "text", "[[]]", "{a: b}", "[null]", "null", "[3, text, {id: 4}]"])
def test_a_section_of_another_shape_never_crashes(tmp_path: Path, section: str, value: str) -> None:
    lines: list[str] = []
    for line in DESK.splitlines():
        if not line.startswith(" ") or not lines or not lines[-1].startswith(f"{section}:"):
            lines.append(f"{section}: {value}" if line.startswith(f"{section}:") else line)
    assert all(problem.line for problem in problems(tmp_path, "\n".join(lines)))


WORDS = st.sampled_from(
    ["id", "name", "agents", "type", "then", "when", "on", "not", "any", "all", "subject", "contains", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["desk", "agents", "departments", "channels", "notifiers", "rules"]), VALUES))
def test_no_file_whatever_is_in_it_ends_in_anything_but_a_desk_or_problems(
    tmp_path: Path, parts: dict[str, object]
) -> None:
    import json

    text = "\n".join(f"{section}: {json.dumps(value)}" for section, value in parts.items())
    assert all(problem.file for problem in problems(tmp_path, text or "x: y"))


@pytest.mark.parametrize(
    "text",
    [
        DESK.replace("env:TELEGRAM_SECRET", "SECRET-123"),
        DESK.replace("secret: env:TELEGRAM_SECRET", "secrt: SECRET-123"),
        DESK.replace("secret: env:TELEGRAM_SECRET", "secret: {value: SECRET-123}"),
        DESK.replace("secret: env:TELEGRAM_SECRET", "secret: [SECRET-123]"),
        DESK.replace("  email: {from: desk@acme.example}", "  slack: SECRET-123"),
        DESK.replace("  email: {from: desk@acme.example}", "  slack: {token: 'SECRET-123"),
        DESK.replace("    secret: env:TELEGRAM_SECRET", "    secret: SECRET-123\n\t- x"),
    ],
)
def test_a_secret_that_was_written_down_is_never_printed(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, text)
    assert found
    assert not [problem for problem in found if "SECRET-123" in f"{problem} {problem.as_json()}"]


def test_warnings_do_not_keep_the_desk_from_being_used(tmp_path: Path) -> None:
    text = DESK.replace("agents: all", "agents: []").replace("    addresses: [support@acme.example]\n", "")
    text += "  - name: Late\n    on: [{time.overdue_more_than: 4h}, ticket.escalated]\n    then: [{tag: vip}]\n"
    found = loaded(tmp_path, text.replace("luca@acme.example", "billing@acme.example"))
    assert [str(warning).replace(f"{tmp_path}/", "") for warning in found.warnings] == [
        "desk.yaml:6:5 agents.1: warning: luca is in no department and sees no ticket",
        "desk.yaml:8:12 agents.1.email: warning: this is a department's address; the agent's notices come back as tickets",
        "desk.yaml:10:5 departments.0: warning: general has no agents; nobody sees its tickets",
        "desk.yaml:10:5 departments.0: warning: general has no address; no mail leads to it",
        "desk.yaml:36:10 rules.1.on.0: warning: time.overdue_more_than never happens: the desk file has no slas",
        "desk.yaml:36:40 rules.1.on.1: warning: ticket.escalated never happens: the desk file has no escalations",
    ]
    assert found.warnings[0].as_json()["severity"] == "warning"


def test_a_problem_is_told_to_programs_as_well(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, DESK.replace("agents: [sona]", "agents: [sonia]"))
    assert found.as_json() == {
        "severity": "error",
        "file": f"{tmp_path}/desk.yaml",
        "line": 16,
        "column": 14,
        "path": "departments.1.agents.0",
        "message": 'no agent is called "sonia"',
        "suggestion": "sona",
    }


def test_the_version_is_the_hash_of_every_byte_read(tmp_path: Path) -> None:
    assert loaded(tmp_path).desk.version == hashlib.sha256(DESK.encode()).hexdigest()[:12]
    assert loaded(tmp_path, DESK + "# a comment\n").desk.version != loaded(tmp_path).desk.version


# included files

EXTRA = """\
departments:
  - {id: sales, name: Sales, agents: [luca], addresses: [sales@acme.example]}
rules:
  - name: Sales
    when: [{subject: offer}]
    then: [{transfer: sales}]
"""


def test_departments_and_rules_of_included_files_come_after_the_own(tmp_path: Path) -> None:
    wrote(tmp_path, EXTRA, "rules/sales.yaml")
    desk = loaded(tmp_path, DESK + "include: [rules/sales.yaml]\n").desk
    assert [department.id for department in desk.departments] == ["general", "billing", "sales"]
    assert [rule.name for rule in desk.rules] == ["Invoices", "Sales"]
    both = (DESK + "include: [rules/sales.yaml]\n" + EXTRA).encode()
    assert desk.version == hashlib.sha256(both).hexdigest()[:12]


def test_a_mistake_in_an_included_file_is_told_with_that_file_and_its_own_line(tmp_path: Path) -> None:
    broken = EXTRA.replace("agents: [luca]", "agents: [lucca]").replace("transfer: sales", "transfer: salse")
    wrote(tmp_path, broken + "tags: [x]\nruels: []\ninclude: [more.yaml]\n", "rules/sales.yaml")
    assert said(tmp_path, DESK.replace("assign: sona", "assign: sna") + "include: [rules/sales.yaml]\n") == [
        'desk.yaml:35:17 rules.0.then.1.assign: no agent is called "sna"; did you mean "sona"?',
        'rules/sales.yaml:2:39 departments.0.agents.0: no agent is called "lucca"; did you mean "luca"?',
        'rules/sales.yaml:6:23 rules.0.then.0.transfer: no department is called "salse"; did you mean "sales"?',
        'rules/sales.yaml:7:1 tags: "tags" belongs in the desk file; an included file has departments and rules',
        'rules/sales.yaml:8:1 ruels: no section is called "ruels"; did you mean "rules"?',
        "rules/sales.yaml:9:1 include: an included file cannot include others; name them in the desk file",
    ]


def test_a_desk_may_have_all_its_departments_in_included_files(tmp_path: Path) -> None:
    wrote(tmp_path, EXTRA, "sales.yaml")
    text = (
        DESK.partition("departments:")[0]
        + "departments: []\nrules: []\ninclude: [sales.yaml]\nchannels: [{name: m, type: smtp, listen: 'x:1'}]"
    )
    assert [department.id for department in loaded(tmp_path, text).desk.departments] == ["sales"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../secrets.yaml", "must lie in the folder of the desk file"),
        ("/etc/hostname", "must lie in the folder of the desk file"),
        ("link.yaml", "must lie in the folder of the desk file"),
        ("desk.yaml", "already read"),
        ("3", "must be the name of a file"),
        ("absent.yaml", "the file cannot be read: no such file or directory"),
    ],
)
def test_an_include_stays_in_its_folder(tmp_path: Path, name: str, expected: str) -> None:
    wrote(tmp_path, "departments: []", "secrets.yaml")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "link.yaml").symlink_to(tmp_path / "secrets.yaml")
    found = said(folder, DESK + f"include: [{name}]\n")
    assert len(found) == 1
    assert expected in found[0]


def test_an_include_that_is_no_list_is_told(tmp_path: Path) -> None:
    assert said(tmp_path, DESK + "include: rules.yaml\n") == [
        "desk.yaml:36:10 include: must be a list of at most 100 files: [rules/billing.yaml]"
    ]
