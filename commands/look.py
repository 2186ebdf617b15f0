"""`tickets`, `ticket N`, `why N`, `outbox`: looking at what the desk did."""

from typing import Annotated, Any

import typer

from commands.facts import facts
from commands.output import AsJson, documents, line, stop, table
from commands.parts import open_store
from notify.outbox import listing as notices
from router.explain import explain
from tickets import look

Number = Annotated[int, typer.Argument(help="the ticket's number", min=1)]


def tickets(*, as_json: AsJson = False) -> None:
    """List the tickets."""
    with open_store() as store:
        rows = look.listing(store)
        if as_json:
            documents(rows)
            return
        table(
            ("No.", "Subject", "From", "Channel", "Department", "Agent", "Status", "Priority", "Tags", "Messages"),
            (
                (
                    row["number"],
                    row["subject"][:60],
                    row["contact"]["name"] or row["contact"]["address"],
                    row["channel"],
                    row["department"],
                    row["agent"],
                    row["status"],
                    row["priority"],
                    ", ".join(row["tags"]),
                    row["messages"],
                )
                for row in rows
            ),
            nothing="No tickets yet. Send a mail to the desk, or try: make demo",
        )


def ticket(number: Number, *, as_json: AsJson = False) -> None:
    """Show one ticket: what was said, and what happened to it."""
    with open_store() as store:
        found = look.ticket(store, number)
    if found is None:
        stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
    if as_json:
        documents([found])
        return
    agent = found["agent"] or f"nobody ({found['unassigned_reason']})"
    line(f"#{number} {found['subject']}", "bold")
    line(f"{found['department']} · {agent} · {found['status']} · {found['priority']} · via {found['channel']}")
    for said in found["entries"]:
        line(f"\n{said['created_at']}  {said['author_name'] or said['author']} ({said['kind']})", "cyan")
        for fact in facts(said["facts"]):
            line(f"  {fact}", "yellow")
        line(said["reply_text"] or said["text"])
        for part in said["attachments"]:
            line(f"  [{part['type']}] {part.get('filename') or part['content_type']}", "dim")
    line("\nHistory", "bold")
    for event in found["history"]:
        line(f"{event['at']}  {event['event']}  by {event['actor']}  {_details(event['data'])}")


def why(number: Number, *, as_json: AsJson = False) -> None:
    """Tell why a ticket went where it went: every rule, and who was told."""
    with open_store() as store:
        if look.ticket(store, number) is None:
            stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
        passes = look.passes(store, number)
    if as_json:
        documents(passes)
        return
    for one in passes:
        line(f"{one['at']}  message {one['inbox']}, desk file {one['desk_version']}", "bold")
        line(f"  {one['trace']['because']}")
        for text in explain(one["trace"]):
            line(f"  {text}", "green" if text.startswith("✓") else None)
        for told in one["told"]:
            error = f" - {told['last_error']}" if told["last_error"] else ""
            line(f"  → {told['recipient']} by {told['notifier']}: {told['state']}, {told['reason']}{error}", "cyan")


def outbox(*, as_json: AsJson = False) -> None:
    """List who was told what, what is still owed, and what was not sent and why."""
    with open_store() as store:
        rows = notices(store)
    if as_json:
        documents(rows)
        return
    headings = ("No.", "Ticket", "Event", "Recipient", "By", "State", "Attempts", "Reason", "Last error")
    table(headings, (tuple(row.values()) for row in rows), nothing="Nobody was told anything yet.")


def _details(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items())
