"""The SMTP listener and the chat door as the wire sees them: repetitions, sizes, line ends, dots, and what strangers try."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.desk_process import DeskProcess, Desks
from tests.chaos.wire import Wire
from tests.desks import mail
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """Give one running desk for all of this file."""
    with Desks(tmp_path_factory.mktemp("wire")) as desks:
        made = desks.make()
        made.start()
        yield made


@pytest.fixture
def wire(desk: DeskProcess) -> Iterator[Wire]:
    """Give a connection that has said hello."""
    with Wire(desk.smtp) as opened:
        opened.say("EHLO client.example")
        yield opened


def kept(desk: DeskProcess) -> list[bytes]:
    """Return the bytes of every kept message, in order."""
    with closing(sqlite3.connect(desk.data / "frontdesk.sqlite3")) as connection:
        return [row[0] for row in connection.execute("SELECT raw FROM inbox ORDER BY id")]


def row_of(answer: str) -> int:
    assert answer.startswith("250 2.0.0 kept as "), answer
    return int(answer.rpartition(" ")[2])


def raw_of(desk: DeskProcess, answer: str) -> bytes:
    with closing(sqlite3.connect(desk.data / "frontdesk.sqlite3")) as connection:
        raw, stored = connection.execute("SELECT raw, stored FROM inbox WHERE id = ?", [row_of(answer)]).fetchone()
    return Blobs(FolderShelf(desk.data / "blobs")).get(stored) if stored else bytes(raw)


def open_data(wire: Wire, sender: str = "ann@example.com") -> None:
    for command in (f"MAIL FROM:<{sender}>", "RCPT TO:<support@acme.example>", "DATA"):
        assert wire.say(command)[0] in "23"


def test_the_same_mail_again_gets_the_first_ones_answer_and_changes_nothing(desk: DeskProcess, wire: Wire) -> None:
    raw = mail("twice@x", text="Twice the same")
    first = wire.mail(raw)
    before = kept(desk)
    assert wire.mail(raw) == first
    assert desk.mail(raw) == first
    assert desk.mail(b"Received: from elsewhere by here; Sun, 22 Nov 2026 12:00:01 +0000\r\n" + raw) == first
    assert kept(desk) == before
    assert row_of(first) == len(before)


def test_another_mail_under_a_known_message_id_is_no_repetition(wire: Wire) -> None:
    first, other = (wire.mail(mail("stolen@x", text=text)) for text in ("The real one", "Another one"))
    assert row_of(first) != row_of(other)


def test_the_same_chat_message_again_gets_the_first_ones_answer_and_changes_nothing(desk: DeskProcess) -> None:
    def post(text: str) -> tuple[int, str]:
        body = json.dumps({"visitor": "v1", "client_msg_id": "1", "text": text}).encode()
        headers = {"Content-Type": "application/json", "Origin": "https://acme.example"}
        status, _, said = desk.ask("POST", "/chat/site/messages", body, headers)
        return status, said

    first = post("Where is my parcel?")
    assert first[0] == 202
    before = kept(desk)
    assert post("Where is my parcel?") == first
    assert post("Where is my parcel? (typed again)") == first
    assert kept(desk) == before


def test_a_mail_declared_too_large_is_refused_before_it_is_sent(wire: Wire) -> None:
    assert f"SIZE {LIMIT}" in wire.say("EHLO client.example")
    assert wire.say(f"MAIL FROM:<ann@example.com> SIZE={LIMIT + 1}").startswith("552")
    assert wire.say(f"MAIL FROM:<ann@example.com> SIZE={LIMIT}").startswith("250")


def test_a_mail_that_turns_out_too_large_is_refused_and_not_kept_and_the_session_goes_on(
    desk: DeskProcess, wire: Wire
) -> None:
    before = kept(desk)
    assert wire.mail(mail("large@x", text="x" * 3 * LIMIT)).startswith("552 5.3.4")
    assert wire.mail(mail("one-more@x", text="x" * (LIMIT - 100))).startswith("552 5.3.4")
    assert kept(desk) == before
    assert row_of(wire.mail(mail("small@x", text="x" * (LIMIT - 300)))) == len(before) + 1


def test_an_unknown_recipient_is_refused_with_words_a_person_can_act_on(wire: Wire) -> None:
    assert wire.say("MAIL FROM:<ann@example.com>").startswith("250")
    assert wire.say("RCPT TO:<suport@acme.example>") == (
        "550 5.1.1 Nobody at Acme Support receives mail at <suport@acme.example>; "
        "check the address, or ask them to add it to a department"
    )
    assert wire.say("DATA").startswith("503")
    assert wire.say("RCPT TO:<SUPPORT@acme.example>").startswith("250")
    assert wire.say("RCPT TO:<postmaster>").startswith("250")


def test_a_bounce_has_no_sender_and_is_taken(wire: Wire) -> None:
    assert row_of(wire.mail(mail("bounce@x"), sender=""))


def test_an_address_of_raw_bytes_is_kept_readable(wire: Wire) -> None:
    wire.send(b"MAIL FROM:<\xe9ric@example.com>\r\n")
    assert wire.answer()[0] in "25"
    wire.say("RSET")
    assert row_of(wire.mail(mail("after-bytes@x")))


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\r\n", b"\n\r"])
def test_a_bare_line_end_is_refused_for_good_and_the_session_goes_on(desk: DeskProcess, wire: Wire, end: bytes) -> None:
    before = kept(desk)
    assert wire.mail(mail("bare@x") + b"one" + end + b"two\r\n").startswith("554 5.6.11")
    assert kept(desk) == before
    assert row_of(wire.mail(mail(f"after-bare-{end.hex()}@x")))


SMUGGLED = mail("inner@evil.example", sender="boss@example.com")


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r\n.\n",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\r\r\n",
        b"\r\n\x00.\r\n",
        b"\r\n.\x00\r\n",
        b"\r\r\n.\r\r\n",
    ],
)
def test_what_only_looks_like_the_end_of_a_mail_smuggles_no_second_one(
    desk: DeskProcess, wire: Wire, end: bytes
) -> None:
    before = kept(desk)
    open_data(wire)
    commands = b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<billing@acme.example>\r\nDATA\r\n"
    outer = mail("outer@x", text=end.hex()) + b"bye" + end + commands + SMUGGLED
    wire.send(outer + b"\r\n.\r\n")
    answer = wire.answer()
    assert wire.say("NOOP").startswith("250")  # nothing in between was answered
    if answer.startswith("250"):
        assert kept(desk) == [*before, outer.replace(b"\r\n.", b"\r\n") + b"\r\n"]
    else:
        assert answer.startswith("554")
        assert kept(desk) == before


def test_commands_right_behind_the_dot_are_obeyed_in_order(desk: DeskProcess, wire: Wire) -> None:
    raws = [mail(f"pipe{number}@x") for number in range(3)]
    before = kept(desk)
    open_data(wire)
    again = b"MAIL FROM:<ann@example.com>\r\nRCPT TO:<support@acme.example>\r\nDATA\r\n"
    wire.send(raws[0] + b".\r\n" + again + raws[1] + b".\r\n" + again + raws[2] + b".\r\nQUIT\r\n")
    assert [wire.answer()[:3] for _ in range(10)] == ["250", *["250", "250", "354", "250"] * 2, "221"]
    assert kept(desk) == [*before, *raws]


def test_a_mail_cut_anywhere_into_packets_is_the_same_mail(desk: DeskProcess, wire: Wire) -> None:
    for at in range(1, 6):
        raw = mail(f"cut{at}@x", text="..\r\n.\r\n.x")
        stuffed = raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        open_data(wire)
        wire.send(stuffed[:-at])
        assert wire_is_silent(wire)
        wire.send(stuffed[-at:])
        assert raw_of(desk, wire.answer()) == raw


def wire_is_silent(wire: Wire) -> bool:
    """Tell whether nothing comes for a moment."""
    wire._socket.settimeout(0.05)
    try:
        return wire._socket.recv(1) == b""
    except TimeoutError:
        return True
    finally:
        wire._socket.settimeout(40)


def test_a_line_of_two_hundred_thousand_characters_is_taken_whole(desk: DeskProcess, wire: Wire) -> None:
    raw = mail("long@x", text="x" * 200_000)
    assert raw_of(desk, wire.mail(raw)) == raw


def test_a_connection_closed_within_a_mail_leaves_nothing(desk: DeskProcess) -> None:
    before = kept(desk)
    with Wire(desk.smtp) as wire:
        wire.say("EHLO client.example")
        open_data(wire)
        wire.send(mail("half@x"))
    assert row_of(desk.mail(mail("whole@x"))) == len(before) + 1


LINES = st.lists(
    st.one_of(
        st.sampled_from([b"", b".", b"..", b".x", b"...", b"\t.", b" .", b"\x00", b".\x00", b"QUIT"]),
        st.binary(max_size=60).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")),
    ),
    max_size=30,
)
NUMBERS = count()


@settings(max_examples=150, deadline=None)
@given(lines=LINES, ended=st.booleans())
def test_whatever_is_sent_is_kept_byte_for_byte(desk: DeskProcess, lines: list[bytes], ended: bool) -> None:
    raw = mail(f"{next(NUMBERS)}@x") + b"\r\n".join(lines) + (b"\r\n" if ended else b"")
    with Wire(desk.smtp) as wire:
        wire.say("EHLO client.example")
        found = raw_of(desk, wire.mail(raw))
    assert found == (raw if raw.endswith(b"\r\n") else raw + b"\r\n")  # the dot stands on a line of its own
