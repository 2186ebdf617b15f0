"""Direct messages on X: what was written, read and is being written, and the encrypted ones nobody here can read."""

from collections.abc import Mapping

from ingest.channels.x.content import attachment, message, time_of, words
from ingest.payload import Fields, digest, geo, ident, iso_moment, moment, part, parts, word
from tickets.message import Attachment, InboundMessage, Kind, Receipt, Sender

ENCRYPTED = "[encrypted message; open X to read it]"


def written(account: str, people: Mapping[str, str], event: Fields) -> InboundMessage:
    """Return a message; one of the account itself is an echo in the conversation with whom it was sent to."""
    said, number = part(event, "message_create"), ident(event, "id") or digest(event)
    data = part(said, "message_data")
    sent_at = moment(event.get("created_timestamp")) or time_of(number)
    attached = part(data, "attachment")
    media = [one for one in [part(attached, "media")] if one]
    text = words(word(data, "text"), parts(part(data, "entities"), "urls"), media)
    pressed = part(data, "quick_reply_response")
    files = tuple(attachment(one) for one in media) + _place(part(attached, "location"))
    unknown = word(event, "type") if not said else word(attached, "type")
    came_from = part(said, "initiated_via")
    post, welcome = ident(came_from, "tweet_id"), ident(came_from, "welcome_message_id")
    referral = f"https://x.com/i/web/status/{post}" if post else f"welcome message {welcome}" if welcome else ""
    return _message(
        account,
        people,
        (ident(said, "sender_id") or ident(event, "sender_id"), ident(part(said, "target"), "recipient_id")),
        number,
        ("postback" if pressed else "message", text, unknown),
        attachments=files,
        sent_at=sent_at,
        fields={"referral": referral} if referral else {},
    )


def flat(account: str, people: Mapping[str, str], said: Fields, includes: Fields) -> InboundMessage:
    """Return a message in the form in which X's API gives them out (a "DM event")."""
    number, sender = ident(said, "id") or digest(said), ident(said, "sender_id")
    members = said.get("participant_ids")
    others = [*(members if isinstance(members, list) else ()), *word(said, "dm_conversation_id").split("-")]
    keys = part(said, "attachments").get("media_keys")
    media = [one for one in parts(includes, "media") if isinstance(keys, list) and word(one, "media_key") in keys]
    return _message(
        account,
        people,
        (sender, next((one for one in others if isinstance(one, str) and one not in ("", account)), "")),
        number,
        ("message", words(word(said, "text"), parts(part(said, "entities"), "urls"), media), word(said, "event_type")),
        attachments=tuple(attachment(one) for one in media),
        sent_at=iso_moment(said.get("created_at")) or time_of(number),
    )


def encrypted(account: str, people: Mapping[str, str], said: Fields, number: str) -> InboundMessage:
    """Return an XChat message, which only the apps of its two ends can read."""
    sender, between = ident(said, "sender_id"), word(said, "conversation_id")
    other = next((one for one in between.split(":") if one not in ("", account)), "")
    return _message(
        account, people, (sender, other), word(said, "id") or number, ("unsupported", ENCRYPTED, ""),
        sent_at=moment(said.get("created_at_msec")),
    )  # fmt: skip


def read(account: str, people: Mapping[str, str], event: Fields) -> InboundMessage | None:
    """Return that the customer has read what was sent so far; what we read ourselves is no news."""
    reader, last = ident(event, "sender_id"), ident(event, "last_read_event_id")
    until = moment(event.get("created_timestamp")) or time_of(last)
    if reader in ("", account) or until is None:
        return None
    sender = Sender(id=reader, name=people.get(reader, ""))
    number = f"{reader}:{last or digest(event)}"
    return message(
        account,
        "receipt",
        number,
        f"dm:{reader}",
        sender,
        "",
        receipt=Receipt(state="read", until=until),
        sent_at=until,
    )


def typing(account: str, people: Mapping[str, str], event: Fields) -> InboundMessage | None:
    """Return that the customer is writing."""
    sender = ident(event, "sender_id")
    if sender in ("", account):
        return None
    number = f"{sender}:{ident(event, 'created_timestamp') or digest(event)}"
    who = Sender(id=sender, name=people.get(sender, ""))
    return message(account, "typing", number, f"dm:{sender}", who, "", sent_at=moment(event.get("created_timestamp")))


def _message(
    account: str,
    people: Mapping[str, str],
    ends: tuple[str, str],
    number: str,
    said: tuple[Kind, str, str],
    **more: object,
) -> InboundMessage:
    """Return what went from one end to the other; `said` is its kind, its text and what it is when there is no text."""
    (sender, to), (kind, text, unknown) = ends, said
    echo = sender == account != ""
    if not text and not more.get("attachments"):
        kind, text = "unsupported", f"[unsupported: {unknown or 'empty message'}]"
    customer = (to if echo else sender) or number
    who = Sender(id=sender, name=people.get(sender, ""))
    return message(account, "echo" if echo else kind, number, f"dm:{customer}", who, text, **more)


def _place(location: Fields) -> tuple[Attachment, ...]:
    """Return a shared place: a point, whose longitude comes first (GeoJSON), or a named one."""
    named = part(location, "shared_place", "place")
    point = part(location, "shared_coordinate", "coordinates").get("coordinates")
    found = dict(zip(("longitude", "latitude"), point, strict=False)) if isinstance(point, list) else {}
    name, where = word(named, "full_name", "name"), geo(found, "latitude", "longitude")
    if not (where or name):
        return ()
    return (Attachment(filename=name, content_type="text/plain", type="location", url=where),)
