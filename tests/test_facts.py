"""What `frontdesk ticket N` says of an entry beside its text."""

from typing import Any

import pytest

from commands.facts import facts


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, []),
        ({"trust": {"by": "mx", "authentic": True, "because": "DMARC passed"}}, ["proven: DMARC passed"]),
        ({"trust": {"by": "mx", "authentic": False, "because": "DMARC failed"}}, ["forged: DMARC failed"]),
        ({"trust": {"by": "mx", "because": "no policy"}}, ["not proven: no policy"]),
        (
            {"forwarded": {"sender": {"id": "ann@example.com"}}, "forwarded_by": "sona"},
            ["forwarded by sona"],
        ),
        (
            {"report": {"status": "5.1.1", "recipients": ["a@x", "b@x"], "diagnostic": "no such user"}},
            ["delivery failed 5.1.1 for a@x, b@x: no such user"],
        ),
        ({"report": {"action": "delayed"}}, ["delivery delayed: no reason given"]),
        ({"spam": {"by": "rspamd", "spam": True, "score": 9.5}}, ["rspamd says: spam, score 9.5"]),
        (
            {"invitation": {"summary": "Call", "begins": "2026-11-22T12:00:00Z"}},
            ["invitation: Call, 2026-11-22T12:00:00Z to open end"],
        ),
        ({"sealed": ["smime_signed", "pgp_encrypted"]}, ["signed (S/MIME)", "encrypted (OpenPGP)"]),
    ],
)
def test_each_fact_is_one_line(known: dict[str, Any], said: list[str]) -> None:
    assert list(facts(known)) == said
