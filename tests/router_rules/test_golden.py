"""The golden traces: each case is told as it lies in `golden/`. `python -m tests.router_rules.told` writes them anew."""

from pathlib import Path

import pytest

from router.explain import REASONS
from tests.router_rules.told import CASES, told


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_a_decision_is_told_word_for_word(case: Path) -> None:
    text, trace = told(case)
    assert text == case.with_suffix(".txt").read_text(encoding="utf-8")
    assert trace == case.with_suffix(".json").read_text(encoding="utf-8")


def test_every_reason_why_nobody_was_assigned_has_its_words() -> None:
    assert set(REASONS) >= {
        "no_members", "outside_hours", "all_offline", "all_at_capacity", "channel_disabled", "skill_missing", "transferred",
        "rule_unassigned", "several_agents",
    }  # fmt: skip
