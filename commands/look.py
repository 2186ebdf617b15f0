"""`tickets`, `ticket N`, `why N`, `outbox`: looking at what the desk did."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import typer
from sqlalchemy import select

from commands.facts import facts
from commands.output import AsJson, documents, line, stop, table
from commands.parts import open_blobs, open_store
from ingest.attachment import lying, served
from ingest.sniff import safe_name
from notify.outbox import listing as notices
from router.explain import explain
from router.files import UPLOADED
from router.why import why as why_of
from tickets import look
from tickets.blobs import LostBlobError, raw_of
from tickets.schema import inbox
from tickets.store import Store

Number = Annotated[int, typer.Argument(help="the ticket's number", min=1)]
Raw = Annotated[int | None, typer.Option("--raw", help="print the bytes of this entry's message as they came")]
Attachment = Annotated[
    str | None, typer.Option("--attachment", help="print the bytes of an attachment: 17.2 is the second of entry 17")
]


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


def ticket(number: Number, *, raw: Raw = None, attachment: Attachment = None, as_json: AsJson = False) -> None:
    """Show one ticket: what was said, and what happened to it; or give out a message or a file of it."""
    with open_store() as store:
        found = look.ticket(store, number)
        if found is None:
            stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
        if raw is not None or attachment is not None:
            _give_out(store, found, raw, attachment)
            return
    if as_json:
        documents([found])
        return
    agent = found["agent"] or f"nobody ({found['unassigned_reason']})"
    line(f"#{number} {found['subject']}", "bold")
    line(f"{found['department']} · {agent} · {found['status']} · {found['priority']} · via {found['channel']}")
    for talk in found["conversations"]:
        if talk["answer_until"]:
            line(f"can be answered through {talk['channel']} until {talk['answer_until']}", "yellow")
    for said in found["entries"]:
        _show(said)
    line("\nHistory", "bold")
    for event in found["history"]:
        line(f"{event['at']}  {event['event']}  by {event['actor']}  {_details(event['data'])}")
        _show_told(event["told"])


def _show(said: dict[str, Any]) -> None:
    state = f", {said['state']}" if said["state"] else ""
    heading = (
        f"{said['created_at']}  {said['author_name'] or said['author']} ({said['kind']}, entry {said['id']}{state})"
    )
    line(f"\n{heading}", "cyan")
    if said["trouble"]:
        line(f"  {said['trouble']}", "red")
    if said["deleted_at"]:
        line(f"  the customer took this back at {said['deleted_at']}", "red")
    for fact in facts(said["facts"]):
        line(f"  {fact}", "yellow")
    line(said["reply_text"] or said["text"])
    for place, part in enumerate(said["attachments"], 1):
        line(f"  [{part['type']}] {said['id']}.{place} {_file(part)}", "dim")


def _file(part: dict[str, Any]) -> str:
    name = safe_name(part.get("filename") or "", part["content_type"])
    facts = [f"it is {part['sniffed']}"] if part.get("sniffed") else []
    facts += ["may run something"] if part.get("dangerous") else []
    facts += [f"virus: {part['virus']}"] if part.get("virus") else []
    facts += [f"not fetched: {part['missing']}"] if part.get("missing") else []
    return f"{name} ({'; '.join(facts)})" if facts else name


def _give_out(store: Store, found: dict[str, Any], raw: int | None, attachment: str | None) -> None:
    """Write the bytes of an entry's message, or of one of its attachments, to standard output."""
    entry, _, place = (attachment or str(raw)).partition(".")
    said = next((one for one in found["entries"] if str(one["id"]) == entry), None)
    if said is None:
        stop(f"Ticket {found['number']} has no entry {entry}. See: frontdesk ticket {found['number']}", 1)
    if sys.stdout.isatty():
        stop("Bytes of strangers do not go to a terminal. Send them to a file: > FILE", 2)
    try:
        data = _raw(store, said) if attachment is None else _attached(store, said, place)
    except LookupError as error:
        stop(f"Entry {attachment or entry}: {error.args[0]}", 1)
    except LostBlobError as error:
        stop(f"Entry {entry}: {error}", 1)
    sys.stdout.buffer.write(data)


def _raw(store: Store, said: dict[str, Any]) -> bytes:
    with store.read() as connection:
        row = connection.execute(select(inbox).where(inbox.c.id == said["inbox"])).first()
    if row is None:
        raise LookupError("it was not a message that came in")
    return raw_of(row, open_blobs())


def _attached(store: Store, said: dict[str, Any], place: str) -> bytes:
    parts = said["attachments"]
    if not place.isdecimal() or not 1 <= int(place) <= len(parts):
        raise LookupError(f"it has {len(parts)} attachments, counted from 1")
    part = parts[int(place) - 1]
    if part.get("virus"):
        words = "it is not given out" if part.get("file") else "only the whole message is given out, with --raw"
        raise LookupError(f"the scanner found {part['virus']} in it; {words}")
    url = part.get("url") or ""
    if file := part.get("file") or (url.removeprefix(UPLOADED) if url.startswith(UPLOADED) else None):
        return lying(store, open_blobs(), said["id"], file, part).data
    return served(_raw(store, said), part).data


def why(number: Number, *, as_json: AsJson = False) -> None:
    """Tell why a ticket went where it went: what was asked, every rule, who was chosen and who was told."""
    with open_store() as store:
        if look.ticket(store, number) is None:
            stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
        turns = why_of(store, number)
    if as_json:
        documents(turns)
        return
    for place, one in enumerate(turns):
        line(("\n" if place else "") + f"{one['at']}  {_asked(one)}", "bold")
        if because := one["trace"].get("because"):
            line(f"  {because}")
        for text in explain(one["trace"]):
            line(f"  {text}", STYLES.get(text[0]))
        _show_told(one["told"])


def _show_told(notices: Sequence[dict[str, Any]]) -> None:
    for told in notices:
        error = f" - {why}" if (why := told.get("held") or told["last_error"]) else ""
        style = "red" if told["state"] == "failed" else "dim" if told["state"] == "suppressed" else "cyan"
        line(f"  @ {told['recipient']} by {told['notifier']}: {told['state']}, {told['reason']}{error}", style)


STYLES: Final = {"✓": "green", "✗": "dim", "·": "dim", "→": "bold"}
"""How a line of `explain` looks, by how it begins."""


def _asked(one: dict[str, Any]) -> str:
    """Return what the rules were asked about, for people."""
    asked = one["asked"]
    if asked["what"] == "message":
        return f"message {one['inbox']}"
    who = f"the {asked['by']}" if asked["what"] != "act" else str(asked["by"]).removeprefix("agent:")
    return f"{who}: {asked['event']}"


def outbox(
    *,
    agent: Annotated[str | None, typer.Option("--agent", metavar="ID", help="only to this agent")] = None,
    state: Annotated[
        Literal["pending", "sent", "failed", "suppressed"] | None, typer.Option("--state", help="only in this state")
    ] = None,
    ticket: Annotated[int | None, typer.Option("--ticket", metavar="N", help="only about this ticket")] = None,
    as_json: AsJson = False,
) -> None:
    """List who was told what, what is still owed, and what was not sent and why."""
    with open_store() as store:
        rows = notices(store, ticket, agent, state)
    if as_json:
        documents(rows)
        return
    headings = ("No.", "Ticket", "Event", "Recipient", "By", "State", "Attempts", "Reason", "Why it waits or failed")
    columns = ("id", "ticket", "event", "recipient", "notifier", "state", "attempts", "reason")
    cells = ((*(row[name] for name in columns), row["held"] or row["last_error"]) for row in rows)
    table(headings, cells, nothing="Nobody was told anything of that kind yet.")


def _details(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_value(name, value)}" for name, value in data.items())


def _value(name: str, value: Any) -> str:
    """Return a value of a line of the history for people."""
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, float) and (name in ("since", "until", "at") or name.endswith("_at")):
        return look.moment(value) or ""
    return "nobody" if value is None and name in ("from", "to") else str(value)
