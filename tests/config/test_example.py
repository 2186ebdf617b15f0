"""The example desk that is shipped: it loads clean, and its rules do what their names say."""

import re
from pathlib import Path

import pytest

from commands.parts import KINDS
from config.desk import Desk
from config.load import Loaded, load
from config.settings import EXAMPLE
from router.decide import decide
from router.event import Decision, TicketEvent
from router.rules import check_rules, compile_rules
from router.state import State
from tickets.message import InboundMessage, Sender


@pytest.fixture(scope="module")
def example() -> Loaded:
    return load(Path(EXAMPLE), KINDS, (check_rules,))


def decided(desk: Desk, subject: str, text: str = "", sender: str = "ann@example.com", kind: str = "smtp") -> Decision:
    message = InboundMessage.model_validate(
        {
            "channel": "x",
            "external_id": "1",
            "conversation": "1",
            "sender": Sender(id=sender),
            "subject": subject,
            "text": text,
        }
    )
    names = frozenset({"ticket.created", "message.received"})
    return decide(compile_rules(desk), TicketEvent(names, State("general"), 0.0, "x", kind, message), desk).decision


def test_the_example_loads_without_a_warning(example: Loaded) -> None:
    assert example.warnings == ()
    assert [department.id for department in example.desk.departments] == [
        "general",
        "billing",
        "technical",
        "marketing",
    ]
    assert len(example.desk.agents) == 6


def test_the_example_has_no_secret_in_it() -> None:
    found = re.findall(r"\b(?:secret|token): ([^ },\n]+)", EXAMPLE.read_text(encoding="utf-8"))
    assert found == ["env:TELEGRAM_SECRET", "env:SLACK_BOT_TOKEN", "env:CRM_WEBHOOK_SECRET"]


def test_the_rules_of_the_example_do_what_they_say(example: Loaded) -> None:
    desk = example.desk
    assert decided(desk, "Hello").unassigned_reason == "several_agents"
    assert decided(desk, "Your INVOICE 12").department == "billing"
    assert decided(desk, "Invoice", sender="ann@globex.example").agent == "maria"
    outage = decided(desk, "help", "we cannot login since noon")
    assert (outage.department, outage.agent, outage.priority) == ("technical", "tomas", "urgent")
    social = decided(desk, "", "hi", sender="17", kind="telegram")
    assert (social.department, social.agent, social.unassigned_reason) == ("marketing", None, "rule_unassigned")
    assert social.notify == (("slack:#social", "Social media to marketing"),)
    assert decided(desk, "Press enquiry").tags == ("partner",)
