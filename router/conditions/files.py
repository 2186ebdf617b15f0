"""Conditions about the files of a message; pictures that stand in its text are not counted."""

from collections.abc import Iterator

from router.conditions.condition import View, condition
from router.conditions.kinds import CHOICE, NUMBER, SIZE, TEXT
from router.event import Values
from tickets.message import Attachment


def _files(view: View) -> Iterator[Attachment]:
    return (one for one in view.event.message.attachments if not one.inline) if view.event.message else iter(())


@condition(NUMBER)
def attachments(view: View) -> float:
    """How many files came with the message."""
    return sum(1 for _ in _files(view))


@condition(TEXT)
def attachment_name(view: View) -> Values:
    """Names of the files."""
    return tuple(one.filename for one in _files(view))


@condition(TEXT)
def attachment_type(view: View) -> Values:
    """Media types of the files, as the bytes are where that is known: image/png."""
    return tuple(one.sniffed or one.content_type for one in _files(view))


@condition(SIZE)
def attachment_size(view: View) -> tuple[float, ...]:
    """Sizes of the files in bytes, where they are known."""
    return tuple(one.size for one in _files(view) if one.size is not None)


@condition(CHOICE, lambda _desk: ("yes", "no"))
def attachment_dangerous(view: View) -> str:
    """Whether one of the files, or what is in one, may do something when it is opened: a program, a script, HTML."""
    return (
        "yes" if any(one.dangerous or any(inner.dangerous for inner in one.contains) for one in _files(view)) else "no"
    )
