"""A decision's trace told to people: evidence, what each rule did or what kept it from doing so, and who was chosen."""

from collections.abc import Mapping
from typing import Any

REASONS = {
    "no_members": "the department has no agents",
    "outside_hours": "the department is closed now",
    "all_offline": "none of its agents is at work",
    "all_at_capacity": "each of its agents at work has as much as they may",
    "channel_disabled": "its agents take nothing on this channel now",
    "skill_missing": "none of its agents has the skills it needs",
    "transferred": "a transfer assigns nobody",
    "rule_unassigned": "a rule assigns nobody",
    "agent_away": "its agent is not at work",
    "not_reacted": "its agent did not react",
    "passed_on": "everybody who could have it has passed it on",
    "several_agents": "several agents could; any of them may take it",
}
"""Why nobody was assigned, by the words of the trace."""

KINDS = {
    "reply_address": "reply address",
    "signed_id": "our Message-ID",
    "correlation": "alarm",
    "message_id": "Message-ID",
    "thread_index": "Thread-Index",
    "subject": "subject",
    "conversation": "conversation",
}


def explain(told: Mapping[str, Any]) -> list[str]:
    """Return the lines for a trace of `decide` that was made whole, in their order; every line is printable text."""
    lines = [_evidence(one) for one in told.get("evidence", ())]
    lines += [", ".join((f"Desk {told['version']}", *([" + ".join(told["events"])] if told["events"] else [])))]
    lines += (_rule(run) for run in told["rules"])
    for one in told.get("next", ()):
        lines += [f"then {' + '.join(one['events'])}", *(_rule(run) for run in one["rules"])]
    lines += (_picked(one) for one in told.get("picked", ()))
    lines += (_effect(one) for one in told.get("effects", ()))
    lines.append(_end(told))
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
    return f"· {name}: {_IDLE[result]}"


_IDLE = {
    "inactive": "inactive",
    "not_for_event": "not for this event",
    "done_before": "did its part already",
}


def _picked(one: Mapping[str, Any]) -> str:
    rung = ", ".join(one.get("rung", ()))
    chosen = f"rings {rung}" if rung else f"chose {one['agent'] or 'nobody, ' + _why_nobody(one['reason'])}"
    others = ", ".join(f"{agent} ({why})" for agent, why in one["passed_over"])
    return f"• {one['strategy']} {chosen}{f'; passed over: {others}' if others else ''}"


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
    return f"→ {trace['department']}, nobody: {_why_nobody(trace['reason'])}"


def _why_nobody(reason: str | None) -> str:
    return REASONS.get(reason, reason) if reason else "nobody was assigned"


def _listed(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_listed(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
