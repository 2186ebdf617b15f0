"""What a notice says, in plain text and in HTML. A customer's words are quoted, marked as the customer's, and never markup."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from notify.note import Note, one_line
from tickets.reply import ABOVE, REFUSED

MOST_QUOTES: Final = 20
"""How many messages one notice quotes, the newest; how many more there are it says."""
MOST_TICKETS: Final = 100
"""How many tickets a digest shows, and how many lines of each: the newest."""
MOST_LINES: Final = 10
EXCERPT: Final = 160

A_REPLY: Final = {
    "answer": "Replying to this mail answers the customer.",
    "note": "Replying to this mail adds a note that the customer does not see.",
}
TAKES: Final = "Nobody has the ticket: who writes into it takes it."
COMMANDS: Final = "The first lines of a reply may be commands: #take, #assign, #note, #reply, #resolve and more"

_PAGE: Final = """\
<!DOCTYPE html>
<html><body style="font-family:sans-serif;max-width:42em">
{body}
<p style="color:#666;font-size:.85em">{why}</p>
</body></html>
"""
_QUOTE: Final = """\
<p>{by}</p>
<blockquote dir="auto" style="border-left:3px solid {colour};margin:0;padding-left:1em;white-space:pre-wrap">{text}</blockquote>
"""
_ROW: Final = """\
<tr style="vertical-align:top"><td style="padding:.4em 1em .4em 0">{title}<br>
<span dir="auto" style="color:#666">{customer}</span></td><td style="padding:.4em 0">{what}</td></tr>"""
_CUSTOMERS, _COLLEAGUES = "#c60", "#ccc"


def text(note: Note, notes: Sequence[Note]) -> str:
    """Return what the notes of one ticket say, oldest first, in plain text."""
    above = "\n".join([*_above(note), "", ""]) if note.act_address else ""
    if note.event == REFUSED:
        return f"{above}{note.payload}\n{_below(notes)}"
    said = "".join(f"{_by(one)}\n\n{_quoted(one.text)}\n" for one in _newest(notes))
    facts = "".join(f"{label}: {value}\n" for label, value in notes[-1].facts)
    more = f"{_unquoted(notes)}\n\n" if _unquoted(notes) else ""
    return f"{above}{happened(notes)}\n{note.title}\n\n{more}{said}{facts}\n{_below(notes)}"


def page(note: Note, notes: Sequence[Note]) -> str:
    """Return the same as an HTML page."""
    above = "<br>\n".join(map(escape, _above(note))) if note.act_address else ""
    above = f'<p style="color:#666;font-size:.85em">{above}</p>' if above else ""
    if note.event == REFUSED:
        return _page([above, f'<pre style="white-space:pre-wrap">{escape(note.payload or "")}</pre>'], notes)
    facts = "\n".join(
        f'<tr><td style="padding-right:1em">{escape(label)}</td><td>{escape(value)}</td></tr>'
        for label, value in notes[-1].facts
    )
    pieces = [
        above,
        f"<p><strong>{escape(happened(notes))}</strong></p>",
        f'<h2 dir="auto" style="font-size:1.1em">{escape(note.title)}</h2>',
        f"<p>{escape(_unquoted(notes))}</p>" if _unquoted(notes) else "",
        *(
            _QUOTE.format(
                by=escape(_by(one)), text=escape(one.text), colour=_COLLEAGUES if one.by_agent else _CUSTOMERS
            )
            for one in _newest(notes)
        ),
        f'<table style="font-size:.9em;margin-top:1em">\n{facts}\n</table>',
    ]
    return _page(pieces, notes)


def digest_text(notes: Sequence[Note]) -> str:
    """Return what the notes of several tickets say, oldest first, in plain text: ticket by ticket."""
    tickets = _by_ticket(notes)
    told = []
    for of_ticket in tickets[:MOST_TICKETS]:
        last = of_ticket[-1]
        lines = [last.title, f"  {last.who}, {one_line(last.department)}", *(f"  {line}" for line in _lines(of_ticket))]
        told.append("\n".join([*lines, f"  {last.link or last.command}"]))
    return "\n\n".join([summary(notes), *told, *_beyond(tickets), _below(notes, digest=True)])


def digest_page(notes: Sequence[Note]) -> str:
    """Return the same as an HTML page: a table of the tickets with what happened."""
    tickets = _by_ticket(notes)
    rows = []
    for of_ticket in tickets[:MOST_TICKETS]:
        last = of_ticket[-1]
        title = f'<strong dir="auto">{escape(last.title)}</strong>'
        link = f'<a href="{escape(last.link)}">{title}</a>' if last.link else f"{title} <code>{last.command}</code>"
        customer = f"{escape(last.who)}, {escape(one_line(last.department))}"
        rows.append(_ROW.format(title=link, customer=customer, what="<br>\n".join(map(escape, _lines(of_ticket)))))
    table = ["<table>", *rows, "</table>", *(f"<p>{line}</p>" for line in _beyond(tickets))]
    return _page([f"<p><strong>{escape(summary(notes))}</strong></p>", *table], notes, digest=True)


def summary(notes: Sequence[Note]) -> str:
    """Return in one line what a digest holds."""
    return f"{one_line(notes[0].desk)}: {len(notes)} notices about {len({one.number for one in notes})} tickets"


def happened(notes: Sequence[Note]) -> str:
    """Return what happened in a ticket in one line: of several messages how many."""
    counted: dict[str, int] = {}
    for one in notes:
        counted[one_line(one.headline)] = counted.get(one_line(one.headline), 0) + 1
    messages = sum(one.event == "message.received" and not one.by_agent for one in notes)
    words = [f"{messages} new messages"] if messages > 1 else []
    words += [
        f"{line} ({times} times)" if times > 1 else line
        for line, times in counted.items()
        if messages < 2 or line != "Customer replied"  # several
    ]
    return "; ".join(words)


def _above(note: Note) -> Iterator[str]:
    """Yield what a reply does, above everything else."""
    yield f"{ABOVE} #{note.number}"
    yield A_REPLY[note.replies]
    if note.agent is None:
        yield TAKES


def _newest(notes: Sequence[Note]) -> list[Note]:
    """Return a note for each text to quote, oldest first; two notes about one entry quote it once."""
    return list(_quotes(notes).values())[-MOST_QUOTES:]


def _unquoted(notes: Sequence[Note]) -> str:
    more = len(_quotes(notes)) - MOST_QUOTES
    return f"{more} earlier messages are not quoted here." if more > 0 else ""


def _quotes(notes: Sequence[Note]) -> dict[int, Note]:
    return {one.entry_id or -one.id: one for one in notes if one.text}


def _by(note: Note) -> str:
    author = one_line(note.author) or note.who
    return f"{author} ({'colleague' if note.by_agent else 'customer'}) wrote, {note.when}:"


def _quoted(words: str) -> str:
    return "".join(f"> {line}".rstrip() + "\n" for line in words.splitlines())


def _by_ticket(notes: Sequence[Note]) -> list[list[Note]]:
    found: dict[int, list[Note]] = {}
    for one in notes:
        found.setdefault(one.number, []).append(one)
    return list(found.values())


def _lines(notes: Sequence[Note]) -> Iterator[str]:
    """Yield what happened in one ticket of a digest, and the beginning of what was written last."""
    if len(notes) > MOST_LINES:
        yield f"{len(notes) - MOST_LINES} earlier notices"
    for one in notes[-MOST_LINES:]:
        yield f"{one.when}: {one_line(one.headline)} ({one_line(one.reason)})"
    if quotes := _newest(notes):
        last = one_line(quotes[-1].text)
        cut = last if len(last) <= EXCERPT else f"{last[: EXCERPT - 1]}…"
        yield f"{'Colleague' if quotes[-1].by_agent else 'Customer'} wrote: “{cut}”"


def _beyond(tickets: Sequence[object]) -> list[str]:
    more = len(tickets) - MOST_TICKETS
    return [f"There are {more} more tickets." if more > 1 else "There is one more ticket."] if more > 0 else []


def _why(notes: Sequence[Note], *, digest: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the lines at the end, each with the address or command it ends with, if any.

    The link that stops such mails stands in the headers only: a text is handed on to others.
    """
    note = notes[-1]
    if digest:
        yield "You get this mail because your notices by mail are gathered", ""
    else:
        if note.act_address and note.event != REFUSED:
            yield COMMANDS, ""
        reasons = dict.fromkeys(one_line(one.reason) for one in notes)
        yield f"You get this mail because: {'; '.join(reasons)}", ""
        yield "See the whole ticket", note.command
        if note.link:
            yield "In a browser", note.link


def _below(notes: Sequence[Note], *, digest: bool = False) -> str:
    lines = (f"{words}: {target}" if target else words for words, target in _why(notes, digest=digest))
    return "-- \n" + "".join(f"{line}\n" for line in lines)


def _page(pieces: Sequence[str], notes: Sequence[Note], *, digest: bool = False) -> str:
    lines = (
        f"{escape(words)}: {_target(target)}" if target else escape(words)
        for words, target in _why(notes, digest=digest)
    )
    return _PAGE.format(body="\n".join(one for one in pieces if one), why="<br>\n".join(lines))


def _target(target: str) -> str:
    shown = escape(target)
    return f"<code>{shown}</code>" if target.startswith("frontdesk ") else f'<a href="{shown}">{shown}</a>'
