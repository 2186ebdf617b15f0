"""A decision's trace told to people: the evidence, and what each rule did or the first thing that kept it from doing so."""

from collections.abc import Mapping
from typing import Any

REASONS = {
    "several_agents": "several agents could; any of them may take it",
    "no_members": "the department has no agents",
    "transferred": "a transfer assigns nobody",
    "rule_unassigned": "a rule assigns nobody",
    "agent_away": "its agent is not at work",
    "not_reacted": "its agent did not react",
    "passed_on": "everybody who could have it has passed it on",
}

KINDS = {
    "reply_address": "reply address",
    "signed_id": "our Message-ID",
    "correlation": "alarm",
    "message_id": "Message-ID",
    "thread_index": "Thread-Index",
    "subject": "subject",
    "conversation": "conversation",
}


def explain(trace: Mapping[str, Any]) -> list[str]:
    """Return the lines for a trace of `decide`: evidence by its strength, rules in their order; every line is printable text."""
    lines = [_evidence(one) for one in trace.get("evidence", ())]
    lines += [f"Desk {trace['version']}, {' + '.join(trace['events'])}"]
    lines += (_rule(run) for run in trace["rules"])
    lines += (_effect(one) for one in trace.get("effects", ()))
    lines.append(_end(trace))
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]


def _evidence(one: Mapping[str, Any]) -> str:
    ticket = f"ticket {one['ticket']}" if one["ticket"] is not None else "no ticket"
    return f"• {KINDS[one['kind']]} {one['value']} → {ticket}, {one['verdict']}: {one['words']}"


def _rule(run: Mapping[str, Any]) -> str:
    name, result = run["rule"], run["result"]
    if result == "matched":
        actions = ", ".join(_action(action) for action in run["actions"] if action["action"] != "stop")
        return f"✓ {name}: {actions or 'nothing else'}{'; stops here' if run['stopped'] else ''}"
    if result == "failed":
        return f"✗ {name}: {'; or '.join(_failed(miss) for miss in run['failed'])}"
    if result == "not_reached":
        return f"· {name}: not reached, '{run['stopped_by']}' stopped"
    return f"· {name}: {'inactive' if result == 'inactive' else 'not for this event'}"


def _action(action: Mapping[str, Any]) -> str:
    said = f"{action['action']} {_listed(action['value'])}"
    if "skipped" in action:
        return f"{said} (skipped: {action['skipped']})"
    return said if action["did"] else f"{said} (was so already)"


def _effect(one: Mapping[str, Any]) -> str:
    done = one.get("did") or f"skipped: {one['skipped']}"
    return f"  {one['effect']} of '{one['rule']}': {done}"


def _failed(miss: Mapping[str, Any]) -> str:
    wanted, saw = miss["wanted"], " ".join(str(miss["saw"]).split())
    if miss["operator"] == "not":
        return f"not ({wanted})" + (f' — saw "{saw}"' if miss["word"] else "")
    quoted = " or ".join(f'"{one}"' for one in ([wanted] if isinstance(wanted, str) else wanted))
    return f"{miss['word']} {miss['operator']} {quoted} — saw " + f'"{saw}"'


def _end(trace: Mapping[str, Any]) -> str:
    if trace["agent"]:
        by = "as before" if trace["by"] is None else trace["by"].removeprefix("rule:")
        return f"→ {trace['department']}, {trace['agent']} ({by})"
    reason = REASONS.get(trace["reason"], trace["reason"]) if trace["reason"] else "nobody was assigned"
    return f"→ {trace['department']}, nobody: {reason}"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
