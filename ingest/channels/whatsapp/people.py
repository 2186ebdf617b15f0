"""Who is who: since 2026 a person on WhatsApp has a phone number, a business-scoped user id, or both.

Vendor's document: Meta, "Business-scoped user IDs"
(https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ingest.payload import Fields, ident, part, parts, word
from tickets.message import clean

# Mobile numbers that are told with and without a digit which a call does not need.
_FORMS = (
    (re.compile(r"55([0-9]{2})([6-9][0-9]{7})"), r"55\g<1>9\2"),  # Brazil
    (re.compile(r"54([1-8][0-9]{9})"), r"549\1"),  # Argentina
    (re.compile(r"52([2-9][0-9]{9})"), r"521\1"),  # Mexico
)
_PAIRS = (("from", "from_user_id"), ("to", "to_user_id"), ("recipient_id", "recipient_user_id"), ("wa_id", "user_id"))


@dataclass(frozen=True, slots=True)
class Person:
    """One side of a conversation: the number where it is told, the user id where there is one, the name or "".

    `id` is the number, or the user id of who has none to show.
    """

    number: str = ""
    user_id: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """What an answer is addressed to."""
        return self.number or self.user_id

    @property
    def conversation(self) -> str:
        """What their messages thread by, however their number is written."""
        for form, full in _FORMS:
            if form.fullmatch(self.number):
                return form.sub(full, self.number)
        return self.id


@dataclass(frozen=True, slots=True)
class People:
    """Everybody a delivery speaks of: numbers by user id and the other way round, and names by either."""

    numbers: Mapping[str, str] = field(default_factory=dict)
    user_ids: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def find(self, number: str, user_id: str) -> Person:
        """Return the person with what the rest of the delivery knows of them, so that nobody is two people in it."""
        number = number.lstrip("+") or self.numbers.get(user_id, "")
        user_id = user_id or self.user_ids.get(number, "")
        return Person(number, user_id, self.names.get(user_id) or self.names.get(number, ""))


def people(values: Iterable[Fields]) -> People:
    """Return everybody the changes of a delivery speak of."""
    numbers: dict[str, str] = {}
    user_ids: dict[str, str] = {}
    names: dict[str, str] = {}
    for holder in _holders(values):
        pairs = _PAIRS if holder.get("recipient_type") != "group" else ()
        for one, other in pairs:
            number, user_id = id_of(holder, one).lstrip("+"), id_of(holder, other)
            if number and user_id:
                numbers[user_id], user_ids[number] = number, user_id
        profile = part(holder, "profile")
        user_name = word(profile, "username")
        if name := word(profile, "name") or (f"@{user_name}" if user_name else ""):
            names.update({key: name for key in (id_of(holder, "wa_id"), id_of(holder, "user_id")) if key})
    return People(numbers, user_ids, names)


def id_of(holder: Fields, *names: str) -> str:
    """Return the first of the named ids, without what no database keeps."""
    return clean(ident(holder, *names))


def _holders(values: Iterable[Fields]) -> Iterator[Fields]:
    for value in values:
        for name in ("contacts", "messages", "message_echoes", "statuses", "calls"):
            yield from parts(value, name)
