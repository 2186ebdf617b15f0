"""The documents are true: what there is stands in them, and what stands in them is there."""

import ast
import asyncio
import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel
from ruamel.yaml import YAML
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

import ingest.channels
from commands.parts import CHECKS, KINDS
from config.cases import Case, Expected, load_cases
from config.desk import ChannelConfig, Desk, MailConfig
from config.load import SECTIONS, load
from config.rule import EVENTS
from config.settings import EXAMPLE, Settings
from ingest import channel as channels
from ingest.arrival import Arrival, Kept
from ingest.front import Front
from ingest.inbox import Inbox
from notify import notifier as notifiers
from router.actions import ACTIONS
from router.by_mail.commands import VERBS
from router.conditions import CONDITIONS, OPERATORS
from router.route import Router
from tests.channels import conformance, test_conformance
from tickets import look, schema
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.store import Store
from web.app import Parts, build
from web.metrics import Metrics
from web.slack import Slack
from worker import cli

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TESTS = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def part(text: str, begin: str, *ends: str) -> str:
    """Return the text after the line that begins with `begin`, up to the next line that begins with one of `ends`."""
    stop = "|".join(f"(?={re.escape(end)})" for end in ends)
    found = re.search(rf"^{re.escape(begin)}[^\n]*\n(.*?)(?:^(?:{stop})|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"nothing begins with {begin}"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """Return the tables of a text: the word each row begins with, and all its cells."""
    found: dict[str, list[str]] = {}
    for line in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE):
        cells = line.split(" | ")
        for word in re.findall(r"`([^`]+)`", cells[0]):
            found[word] = cells
    return found


def told(text: str, words: Sequence[str]) -> list[str]:
    """Return the words that have no row of their own with a meaning."""
    table = rows(text)
    return [word for word in words if not any(cell.strip() for cell in table.get(word, [""])[1:])]


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the keys of a model as they are written in the desk file, and those of the models inside it."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in models(field.annotation):
            yield from keys(inner)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def commands(command: Any, name: str = "frontdesk") -> Iterator[tuple[str, Any]]:
    """Yield the commands of the command line, those inside a group too, by what a person types."""
    inner: dict[str, Any] | None = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in inner.items():
        yield from commands(one, f"{name} {word}")


def loaded(text: str, folder: Path) -> Desk:
    """Return the desk of a desk file in which nothing is wrong or odd."""
    path = folder / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    found = load(path, KINDS, CHECKS)
    assert found.warnings == ()
    return found.desk


# --- what there is, is told -----------------------------------------------------------------------------------------


def test_every_setting_of_the_process_is_told() -> None:
    names = [f"FRONTDESK_{name.upper()}" for name in Settings.model_fields]
    assert told(read("docs/settings.md"), names) == []


def test_every_secret_of_the_example_desk_is_told() -> None:
    names = re.findall(r"env:([A-Z_]+)", re.sub(r"#.*", "", EXAMPLE.read_text(encoding="utf-8")))
    assert names
    assert told(read("docs/settings.md"), names) == []


def test_every_section_of_the_desk_file_is_told() -> None:
    assert told(part(read("docs/desk-file.md"), "## Sections", "### "), SECTIONS) == []


@pytest.mark.parametrize(
    "section",
    [
        "desk",
        "agents",
        "departments",
        "channels",
        "calendars",
        "slas",
        "contact_groups",
        "correlations",
        "escalations",
        "rules",
    ],
)
def test_every_key_of_a_section_is_told_with_an_example(section: str) -> None:
    text = read("docs/desk-file.md")
    says = part(text, "## Rules" if section == "rules" else f"### {section}", "### ", "## ")
    if section in ("desk", "agents"):
        says = part(text, "### notices", "### ") + says
    [model] = list(models(Desk.model_fields[section].annotation))
    words = list(keys(model))
    assert words
    assert told(says, words) == []
    assert [word for word in words if f"{word}:" not in rows(says)[word][-1]] == []


@pytest.mark.parametrize("word", channels.words())
def test_every_setting_of_a_channel_is_told_with_an_example(word: str) -> None:
    says = part(part(read("docs/desk-file.md"), "### channels", "### "), f"`type: {word}`", "`type: ")
    own = [key for key in keys(channels.config_model(word)) if key not in (*keys(MailConfig), *keys(ChannelConfig))]
    assert told(says, own) == []
    assert [key for key in own if f"{key}:" not in rows(says)[key][-1]] == []
    assert f"(`type: {word}`)" in read("docs/channels.md")


def test_every_setting_of_all_mail_channels_is_told_with_an_example() -> None:
    says = part(part(read("docs/desk-file.md"), "### channels", "### "), "Every channel that carries mail", "`type: ")
    own = [key for key in keys(MailConfig) if key not in keys(ChannelConfig)]
    assert told(says, own) == []
    assert [key for key in own if f"{key}:" not in rows(says)[key][-1]] == []


@pytest.mark.parametrize("word", notifiers.words())
def test_every_setting_of_a_notifier_is_told_with_an_example(word: str) -> None:
    says = part(part(read("docs/desk-file.md"), "### notifiers", "## "), f"`{word}:`", "`email:`", "`slack:`")
    own = list(keys(notifiers.config_model(word)))
    assert told(says, own) == []
    assert [key for key in own if f"{key}:" not in rows(says)[key][-1]] == []


def test_every_word_of_the_rules_is_told() -> None:
    text = read("docs/rules.md")
    assert told(part(text, "## Conditions", "## "), list(CONDITIONS)) == []
    assert told(part(text, "## Operators", "## "), list(OPERATORS)) == []
    assert told(part(text, "## Actions", "## "), list(ACTIONS)) == []
    assert told(part(text, "## Events", "## "), EVENTS) == []
    kinds = CONDITIONS["kind"].known
    assert kinds
    assert [kind for kind in kinds(loaded_example()) if f"`{kind}`" not in text] == []


def loaded_example() -> Desk:
    return load(EXAMPLE, KINDS, CHECKS).desk


def test_every_command_and_option_is_told() -> None:
    text = read("docs/settings.md")
    told_lines = re.findall(r"^\| `(frontdesk [^`]*)` \|", text, re.MULTILINE)
    for name, command in commands(typer.main.get_command(cli)):
        lines = [line for line in told_lines if re.match(rf"{name}(?![\w-])", line)]
        assert len(lines) == 1, name
        options = [option for one in command.params for option in one.opts if option.startswith("--")]
        assert [option for option in options if option not in lines[0] and option != "--help"] == [], name


def test_every_command_of_a_mail_is_told() -> None:
    table = part(read("docs/acting-by-mail.md"), "**Commands stand", "**All of it")
    assert re.findall(r"^\| `#(\w+)", table, re.MULTILINE) == list(VERBS)


def test_every_path_of_http_is_told(tmp_path: Path) -> None:
    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    parts = Parts(loaded_example, accept, lambda: None, bytes)
    store = Store(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    front = Front(loaded_example, accept, parts.present, store, Blobs(FolderShelf(tmp_path)), Live())
    app = build(replace(parts, front=front, slack=Slack(store, loaded_example, lambda _acted: None)))
    store.close()
    paths = [
        re.sub(r"{(\w+)(?::\w+)?}", r"<\1>", one.path) for one in app.routes if isinstance(one, Route | WebSocketRoute)
    ]
    assert len(paths) > 10
    assert told(read("docs/settings.md"), paths) == []


def test_every_metric_is_told(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    store.migrate()
    text = Metrics(store, lambda: 0.0).text().decode()
    store.close()
    names = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}
    assert len(names) > 10
    assert told(part(read("docs/settings.md"), "## Metrics", "## "), sorted(names)) == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    wanted = [
        *project["project"]["dependencies"],
        *(one for group in project["dependency-groups"].values() for one in group),
    ]
    names = [re.split(r"[\[<>=~ ]", one)[0] for one in wanted]
    table = rows(read("docs/decisions/2026-11-22-dependencies.md"))
    assert [name for name in names if name not in table] == []


def test_every_table_is_told() -> None:
    assert told(part(read("ARCHITECTURE.md"), "## Tables", "## "), list(schema.metadata.tables)) == []


# --- what is told, is there -----------------------------------------------------------------------------------------


@each_document
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (path.parent / link.partition("#")[0]).exists()] == []


@each_document
def test_every_command_it_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {name for name, _ in commands(typer.main.get_command(cli))}
    groups = {name.split()[1] for name in known if name.count(" ") > 1}
    named = re.findall(rf"(?:bin/|\b)frontdesk ((?:(?:{'|'.join(groups)}) )?[a-z]+(?:-[a-z]+)*)", text)
    assert [name for name in named if f"frontdesk {name}" not in known and name not in groups] == []
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert [name for name in re.findall(r"`make ([a-z]+)", text) if name not in targets] == []
    assert [name for name in re.findall(r"^make ([a-z]+)", text, re.MULTILINE) if name not in targets] == []


@each_document
def test_every_test_it_names_exists(path: Path) -> None:
    for file, name in TESTS.findall(path.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), file
        tree = ast.parse(read(file))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in defined, f"{file}::{name}"


@each_document
def test_it_is_readable_anywhere(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not TESTS.search(line)] == []
    assert [line for line in lines if re.search(r"(?<![\w.:/])/(?:work|home|root|tmp)/", line)] == []


def test_every_invariant_names_its_test_or_says_not_yet() -> None:
    says = part(read("ARCHITECTURE.md"), "## Invariants", "## ")
    items = re.findall(r"^\d+\. (.*?)(?=^\d+\. |\Z)", says, re.DOTALL | re.MULTILINE)
    assert len(items) == 13
    assert [item for item in items if not TESTS.search(item) and "Not yet" not in item] == []


def test_every_document_the_code_names_exists() -> None:
    code = [path for path in ROOT.glob("*/**/*.py") if ".venv" not in path.parts]
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in [*code, ROOT / "worker.py", ROOT / "pyproject.toml"]
        for name in re.findall(r"docs/[\w./-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert [pair for pair in named if not (ROOT / pair[1]).exists()] == []


def test_the_raw_commands_of_the_readme_are_those_of_the_makefile() -> None:
    makefile = read("Makefile").replace("$(BIN)", ".venv/bin").replace(" --quiet --disable-pip-version-check", "")
    lines = [line for line in read("README.md").splitlines() if line.startswith(".venv/bin/pip")]
    assert len(lines) == 3
    assert [line for line in lines if line not in makefile] == []


def test_the_desk_file_of_the_readme_is_complete_and_works(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", read("README.md"), re.DOTALL)
    desk = loaded(text, tmp_path)
    assert {channel.type for channel in desk.channels} == {"smtp", "chat"}
    assert [rule.name for rule in desk.rules] == ["Invoices to billing"]


def examples(text: str, section: str) -> list[str]:
    """Return the last cell of every row of a section, as it would stand in the desk file."""
    return [cells[-1].strip("`") for cells in rows(part(text, section, "## ")).values()]


def test_every_example_of_a_condition_and_an_action_is_taken(tmp_path: Path) -> None:
    text = read("docs/rules.md")
    conditions, actions = examples(text, "## Conditions") + examples(text, "## Operators"), examples(text, "## Actions")
    assert (len(conditions), len(actions)) == (len(CONDITIONS) + len(OPERATORS), len(ACTIONS))
    rules = [
        f"  - name: condition {i}\n    active: false\n    when: [{one}]\n    then: [note: x]"
        for i, one in enumerate(conditions)
    ]
    rules += [f"  - name: action {i}\n    then:\n      {one}" for i, one in enumerate(actions)]
    loaded(EXAMPLE.read_text(encoding="utf-8") + "\n" + "\n".join(rules) + "\n", tmp_path)


def test_the_golden_case_of_the_rules_is_taken(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", part(read("docs/rules.md"), "## Trying rules", "## "), re.DOTALL)
    (tmp_path / "one.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "one.eml").write_bytes(b"")
    [golden] = load_cases(loaded_example(), tmp_path)
    said = golden.case.model_dump(exclude_unset=True)
    assert [key for key in keys(Case) if key not in said and key not in said["expect"]] == [
        "outcome", "priority", "status", "fields", "sla",
    ]  # fmt: skip
    words = part(read("docs/rules.md"), "## Trying rules", "## ")
    assert [key for key in keys(Expected) if f"`{key}`" not in words and f"`{key}." not in words] == []


def test_every_example_for_those_who_come_from_elsewhere_is_taken(tmp_path: Path) -> None:
    base, *examples = [
        YAML(typ="safe", pure=True).load(text)
        for text in re.findall(r"```yaml\n(.*?)```", read("docs/migrating.md"), re.DOTALL)
    ]
    assert len(examples) == 4
    for example in examples:
        whole = dict(base)
        for section, entries in example.items():
            named = {entry.get("id") for entry in entries} - {None}
            whole[section] = [one for one in base.get(section, ()) if one.get("id") not in named] + entries
        loaded(json.dumps(whole, ensure_ascii=False), tmp_path)
    text = read("docs/migrating.md")
    assert [word for word in re.findall(r"`((?:ticket|message|time|sla)\.[a-z_]+)`", text) if word not in EVENTS] == []


# --- the example of a new channel ------------------------------------------------------------------------------------


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Drop the files of docs/adding-a-channel.md in where a new channel belongs."""
    files = re.findall(
        r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", read("docs/adding-a-channel.md"), re.DOTALL | re.MULTILINE
    )
    assert [name for name, _ in files if name.endswith(".py")] == ["ingest/channels/pager.py"]
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(ingest.channels, "__path__", [*ingest.channels.__path__, str(tmp_path / "ingest/channels")])
    monkeypatch.setattr(conformance, "FOLDER", tmp_path / "tests/channels")
    importlib.invalidate_caches()
    yield
    sys.modules.pop("ingest.channels.pager", None)
    vars(ingest.channels).pop("pager", None)


@pytest.mark.usefixtures("pager")
def test_the_example_channel_keeps_every_promise_of_a_channel() -> None:
    assert "pager" in channels.words()
    tried = 0
    for name, test in vars(test_conformance).items():
        if not name.startswith("test_"):
            continue
        [over] = test.pytestmark
        cases = [("pager",)] if over.args[0] == "word" else [("pager", path) for path in conformance.fixtures("pager")]
        for case in cases:
            test(*case)
            tried += 1
    assert tried > 15


@pytest.mark.usefixtures("pager")
def test_a_message_of_the_example_channel_becomes_a_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [entry] = re.findall(r"^ +- \{name: pager.*$", read("docs/adding-a-channel.md"), re.MULTILINE)
    desk = loaded(EXAMPLE.read_text(encoding="utf-8").replace("\nchannels:\n", f"\nchannels:\n{entry}\n"), tmp_path)
    delivery = conformance.delivery("pager")
    monkeypatch.setenv("PAGER_KEY", delivery.environment["CONFORMANCE_KEY"])
    store = Store(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    store.migrate()
    inbox = Inbox(store)
    inbox.start()

    async def accept(arrivals: Sequence[Arrival]) -> list[Kept]:
        return await asyncio.wrap_future(inbox.accept(arrivals))

    with TestClient(build(Parts(lambda: desk, accept, lambda: None, bytes))) as client:
        url, headers = "/in/pager", dict(delivery.request.headers)
        answer = client.post(url, content=delivery.request.raw, headers=headers)
        forged = client.post(url, content=delivery.request.raw, headers={**headers, delivery.proof: "x"})
    inbox.stop()
    [routed] = Router(store, lambda: desk).route(1)
    [ticket] = look.listing(store)
    store.close()
    assert (answer.status_code, answer.json(), forged.status_code) == (200, {}, 401)
    assert (routed.outcome, ticket["subject"], ticket["channel"]) == ("routed", "Hello", "pager")
    assert json.loads(delivery.request.raw)["from"] == ticket["contact"]["address"]
