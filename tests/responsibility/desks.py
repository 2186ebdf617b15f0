"""Desks for the stories about who gets a ticket."""

import json
from collections.abc import Mapping
from typing import Any

from config.desk import Desk
from tests.desks import desk

MONDAY_NOON = 1_795_435_200.0
"""2026-11-23, 12:00 UTC."""


def team(agents: Mapping[str, Mapping[str, Any]], **sections: Any) -> Desk:
    """Return a desk, read by the real loader, with these agents; one department `support` has them all, if no other is said."""
    return desk(team_file(agents, **sections))


def team_file(agents: Mapping[str, Mapping[str, Any]], **sections: Any) -> str:
    """Return the desk file of such a desk."""
    people = [{"id": one, "name": one.title(), "email": f"{one}@acme.example", **said} for one, said in agents.items()]
    first = sections.get("departments", [{"id": "support"}])[0]["id"]
    whole = {
        "desk": {"name": "Acme Support", "domain": "support.acme.example", **sections.pop("desk", {})},
        "agents": people,
        "departments": [{"id": "support", "name": "Support", "agents": "all", "addresses": ["support@acme.example"]}],
        "channels": [
            {"name": "mail", "type": "smtp", "listen": "127.0.0.1:8025"},
            {"name": "site", "type": "chat", "origins": ["https://acme.example"]},
            {"name": "bot", "type": "telegram", "secret": "env:TELEGRAM_SECRET", "department": first},
        ],
        "notifiers": {"email": {"from": "desk@support.acme.example"}},
        **sections,
    }
    return json.dumps(whole)


def support(**said: Any) -> list[dict[str, Any]]:
    """Return the one department `support`, with more of its settings."""
    return [{"id": "support", "name": "Support", "agents": "all", "addresses": ["support@acme.example"], **said}]
