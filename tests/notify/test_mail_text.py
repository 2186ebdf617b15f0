"""What stands in a notice by mail: alone, for several messages of one ticket, and as a digest of many tickets."""

from dataclasses import replace
from email.message import EmailMessage

import pytest

from notify.mail import envelope_sender, render
from notify.mail_text import COMMANDS, MOST_QUOTES, MOST_TICKETS, TAKES
from notify.note import Note
from tests.notify.desk import KEY, NOW, a_note
from tests.notify.test_email import part, read
from tickets.reply import ABOVE
from tickets.reply_address import act_claimed, act_proven, bounce_claimed, bounce_proven

URL = "https://desk.acme.example"
STOP = f"{URL}/notices/stop/u.1.abcdefghijklmnop"


def three() -> Note:
    """Return the second of three messages that are told at once."""
    first, second, third = (
        a_note(id=number, entry_id=number, text=f"message {number}", created_at=NOW + 60 * number)
        for number in (1, 2, 3)
    )
    return replace(second, together=(first, third))


def many(tickets: int) -> Note:
    """Return notes of several tickets that are told at once."""
    first, *others = (
        a_note(id=number, entry_id=number, number=number, subject=f"Subject {number}", created_at=NOW + number)
        for number in range(1, tickets + 1)
    )
    return replace(first, bundle="sona.email", together=tuple(others))


def both(message: EmailMessage) -> list[str]:
    return [part(message, "plain"), part(message, "html")]


def test_a_reply_goes_to_an_address_of_its_own_and_the_notice_says_what_it_does() -> None:
    message = read(render(a_note()))
    [address] = message["Reply-To"].addresses
    claimed = act_claimed(address.addr_spec, "support.acme.example")
    assert claimed is not None
    assert act_proven(KEY, claimed, (123, "sona", "message.received", 0))
    assert address.display_name == "Answer to the customer of #123"
    for words in both(message):
        assert f"{ABOVE} #123" in words
        assert "Replying to this mail answers the customer." in words
    assert read(render(a_note(replies="note")))["Reply-To"].addresses[0].display_name == "Note in #123"
    assert all(
        "adds a note that the customer does not see" in words for words in both(read(render(a_note(replies="note"))))
    )


def test_who_would_take_the_ticket_by_a_reply_reads_so_and_commands_are_named_below() -> None:
    for words in both(read(render(a_note(agent=None)))):
        assert TAKES in words
    for words in both(read(render(a_note()))):
        assert TAKES not in words
        assert words.index(COMMANDS) > words.index("Replying to this mail")


def test_nothing_stands_above_the_line_to_reply_above() -> None:
    assert part(read(render(a_note(text=f"{ABOVE} #123\nhm"))), "plain").startswith(f"{ABOVE} #123\nReplying")


def test_a_notice_that_nobody_can_answer_asks_for_no_reply() -> None:
    message = read(render(a_note(act_address=None)))
    assert message["Reply-To"] is None
    assert not any(ABOVE in words or "Replying" in words for words in both(message))


def test_what_mail_servers_say_comes_back_to_the_row_by_a_proof_that_no_reader_sees() -> None:
    note = a_note()
    claimed = bounce_claimed(envelope_sender(note, None), "support.acme.example")
    assert claimed is not None
    assert claimed[0] == note.id
    assert claimed[1].encode() not in render(note)
    assert envelope_sender(replace(note, bounce_address=None), None) == "desk@support.acme.example"
    assert bounce_proven(KEY, claimed)
    assert not bounce_proven(KEY, (2, claimed[1]))


def test_one_click_stops_notices_like_this_one() -> None:
    message = read(render(a_note(stop_url=STOP, url=URL)))
    assert message["List-Unsubscribe"] == f"<{STOP}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_text_which_may_be_handed_on_has_nothing_to_stop_or_to_bounce_with() -> None:
    note = a_note(stop_url=STOP, url=URL)
    assert note.act_address is not None
    assert note.bounce_address is not None
    for words in (*both(read(render(note))), *both(read(render(replace(note, together=(replace(note, number=5),)))))):
        assert not any(secret in words for secret in (STOP, note.act_address, note.bounce_address, note.signed))


def test_one_click_needs_https_and_what_is_no_address_is_left_out_of_the_headers() -> None:
    plain = read(render(a_note(stop_url=STOP.replace("https", "http"))))
    assert plain["List-Unsubscribe"] is not None
    assert plain["List-Unsubscribe-Post"] is None
    assert read(render(a_note(stop_url="https://d>\n<x/notices/stop/u.1")))["List-Unsubscribe"] is None
    assert read(render(a_note()))["List-Unsubscribe"] is None
    idn = read(render(a_note(stop_url="https://bücher.example/notices/stop/u.1.a")))
    assert idn["List-Unsubscribe"] == "<https://xn--bcher-kva.example/notices/stop/u.1.a>"


def test_the_ticket_is_one_click_away_where_the_desk_has_a_url() -> None:
    message = read(render(a_note(url=URL)))
    assert f"See the whole ticket: frontdesk ticket 123\nIn a browser: {URL}/tickets/123\n" in part(message, "plain")
    assert f'<a href="{URL}/tickets/123">' in part(message, "html")


@pytest.mark.parametrize(("by_agent", "who"), [(False, "customer"), (True, "colleague")])
def test_whose_words_are_quoted_is_said_beside_them(by_agent: bool, who: str) -> None:
    for words in both(read(render(a_note(by_agent=by_agent)))):
        assert f"Ana Customer ({who}) wrote" in words


def test_several_messages_are_one_notice_each_quoted_with_its_time_and_author() -> None:
    message = read(render(three()))
    plain, html = both(message)
    assert plain.splitlines()[3] == "3 new messages"
    places = [plain.index(f"Ana Customer (customer) wrote, {one.when}:\n\n> message {one.id}\n") for one in three().all]
    assert places == sorted(places)
    assert html.count("<blockquote") == 3
    assert message["Subject"] == "[#123] Where is my invoice?"
    assert message["Reply-To"] is not None


def test_two_notes_about_one_message_quote_it_once() -> None:
    first = a_note(event="ticket.reopened")
    message = read(render(replace(first, together=(a_note(id=2, created_at=NOW + 1),))))
    plain, html = both(message)
    assert plain.splitlines()[3] == "Reopened in Billing; Customer replied"
    assert html.count("<blockquote") == 1
    assert plain.count("> Hello,") == 1


def test_of_very_many_messages_the_newest_are_quoted() -> None:
    others = tuple(
        a_note(id=n, entry_id=n, created_at=NOW + n, text=f"message {n}.") for n in range(2, MOST_QUOTES + 7)
    )
    plain, html = both(read(render(a_note(together=others))))
    assert html.count("<blockquote") == MOST_QUOTES
    assert "6 earlier messages are not quoted here." in plain
    assert f"> message {MOST_QUOTES + 6}.\n" in plain
    assert "> Hello," not in plain


def test_a_digest_shows_each_ticket_with_what_happened_and_is_not_answered() -> None:
    one = many(3)
    message = read(
        render(
            replace(
                one, together=(*one.together, a_note(id=9, number=2, subject="Subject 2", text="", created_at=NOW + 9))
            )
        )
    )
    assert message["Subject"] == "Acme Support: 4 notices about 3 tickets"
    assert message["From"].addresses[0].display_name == "Acme Support"
    assert message["Reply-To"] is None
    assert message["References"] is None
    assert message["X-Frontdesk-Ticket"] is None
    assert message["List-Id"] == '"Acme Support" <digest.support.acme.example>'
    plain, html = both(message)
    assert ABOVE not in plain
    assert [line for line in plain.splitlines() if line.startswith("[#")] == [f"[#{n}] Subject {n}" for n in (1, 2, 3)]
    assert plain.count("Customer replied (the customer replied, and the ticket is yours)") == 4
    assert plain.count("Customer wrote: “Hello, where is my invoice?”") == 3
    assert html.count("<tr ") == 3


def test_a_digest_of_very_many_tickets_says_how_many_it_does_not_show() -> None:
    plain, html = both(read(render(many(MOST_TICKETS + 5))))
    assert "There are 5 more tickets." in plain
    assert html.count("<tr ") == MOST_TICKETS
