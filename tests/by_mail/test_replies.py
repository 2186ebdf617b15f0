"""What an agent's reply to a notice does: it answers or notes, takes the ticket, and obeys its commands, all or nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.channels.smtp.config import Config
from ingest.channels.smtp.door import takes
from router.followers import followers_of
from router.trial.history import Past, messages, stretch
from tests.by_mail.replying import DESK, DOMAIN, Replying
from tests.desks import desk
from tickets.store import Store


def test_a_reply_to_the_notice_answers_the_customer_and_takes_the_ticket(front: Replying) -> None:
    done = front.reply(front.letter())
    assert (done.outcome, done.ticket) == ("routed", 1)
    found = front.ticket(1)
    assert (found["agent"], found["status"]) == ("luca", "answered")
    assert [(one["kind"], one["author"]) for one in found["entries"]] == [
        ("message", "ann@example.com"),
        ("answer", "agent:luca"),
    ]
    assert front.last(1)["text"] == "It is on its way."
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert "It is on its way." in sent.as_string()
    assert "luca@acme.example" not in sent.as_string()
    assert "reply+a." not in sent.as_string()
    assert front.mails("luca@acme.example")[1:] == []


def test_where_the_agent_says_so_a_reply_is_a_note_and_takes_the_ticket_too(store: Store, tmp_path: Path) -> None:
    notes = DESK.replace("timezone: Europe/Rome}", "timezone: Europe/Rome, notices: {replies: note}}")
    front = Replying(store, tmp_path / "out", desk(notes))
    front.send("a@customer", to="billing@acme.example")
    front.reply(front.letter())
    assert (front.last(1)["kind"], front.ticket(1)["agent"], front.ticket(1)["status"]) == ("note", "luca", "new")
    front.reply(front.letter(message_id="b@acme.example", text="#reply\nHello Ann"))
    assert (front.last(1)["kind"], front.last(1)["text"]) == ("answer", "Hello Ann")
    assert [one for one in front.owed(1) if one[0] == "customer"] == [("customer", "mail", "pending")]


def test_a_note_gives_the_ticket_to_nobody_else_than_its_command_says(front: Replying) -> None:
    front.reply(front.letter(text="#note\n#assign sona\nPlease have a look."))
    assert (front.last(1)["kind"], front.ticket(1)["agent"]) == ("note", "sona")


def test_commands_alone_say_nothing(front: Replying) -> None:
    front.reply(front.letter(text="#take\n#priority HIGH\n#tag vip\n#postpone 2h"))
    found = front.ticket(1)
    assert (found["agent"], found["priority"], found["tags"], found["status"]) == ("luca", "high", ["vip"], "postponed")
    assert len(found["entries"]) == 1
    assert {one["actor"] for one in found["history"][2:]} == {"agent:luca"}


@pytest.mark.parametrize(
    ("text", "agent", "status", "department"),
    [
        ("#resolve\nDone.", "luca", "resolved", "billing"),
        ("#close\nDone.", "luca", "closed", "billing"),
        ("#answered", None, "answered", "billing"),
        ("#spam", None, "spam", "billing"),
        ("#reopen\nWe go on.", "luca", "open", "billing"),
        ("#transfer general\nThey will help you.", None, "answered", "general"),
        ("#assign nobody\nSomebody will call.", None, "answered", "billing"),
        ("#assign SONA", "sona", "new", "billing"),
    ],
)
def test_the_text_is_said_first_and_then_the_commands_are_done(
    quick: Replying, text: str, agent: str | None, status: str, department: str
) -> None:
    assert quick.reply(quick.letter(text=text)).outcome == "routed"
    found = quick.ticket(1)
    assert (found["agent"], found["status"], found["department"]) == (agent, status, department)


def test_who_follows_by_mail_hears_of_a_ticket_until_they_follow_it_no_longer(front: Replying) -> None:
    for number, (text, followed) in enumerate((("#follow\n#assign sona", True), ("#unfollow", False))):
        assert front.reply(front.letter(text=text, message_id=f"{number}@acme.example")).outcome == "routed"
        with front.store.read() as connection:
            assert ("luca" in followers_of(connection, 1)) is followed
    assert front.ticket(1)["agent"] == "sona"


def test_a_moment_is_on_the_agents_clock(front: Replying) -> None:
    front.reply(front.letter(text="#postpone 2026-12-24T09:00"))
    assert front.ticket(1)["postponed_until"] == "2026-12-24T08:00:00.000+00:00"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#tag vip\n#transfer biling\nDear Ann", "did you mean billing?"),
        ("#tag vip\n#assign mia\nDear Ann", 'No agent is called "mia"'),
        ("#resolve\n#tag vipp", "did you mean vip?"),
        ("#tag vip\n#postpone soon", '"soon" is no moment'),
        ("#tag vip\n#postpone 2020-01-01", "That moment is over already"),
        ("#tag vip\n#priority hihg", "did you mean high?"),
        ("#tag vip\n#asign sona\nDear Ann", "did you mean #assign?"),
    ],
)
def test_all_of_it_is_done_or_nothing(front: Replying, text: str, why: str) -> None:
    before = front.state()
    done = front.reply(front.letter(text=text))
    assert (done.outcome, done.ticket) == ("quarantined", None)
    assert why in front.cause(done.inbox_id)
    assert front.state() == before
    [told] = front.refusals()
    assert done.notices == (told.id,)
    assert (told.recipient, told.address, told.state) == ("luca", "luca@acme.example", "pending")
    assert why in told.payload
    assert "> " + text.splitlines()[-1] in told.payload
    assert "#transfer DEPARTMENT" in told.payload


def test_who_was_too_late_hears_who_was_faster(front: Replying) -> None:
    front.acts.take(1, "sona")
    front.now += 3
    done = front.reply(front.letter(text="#take\nI have it."))
    assert "Sona took it 3 s before you" in front.cause(done.inbox_id)
    assert front.ticket(1)["agent"] == "sona"
    assert front.last(1)["kind"] == "message"


def test_the_same_mail_twice_is_done_once(front: Replying) -> None:
    first, again = front.kept(front.letter()), front.kept(front.letter())
    assert first == again
    front.router.route(first)
    assert front.router.route(first) == []
    assert len(front.ticket(1)["entries"]) == 2


def test_the_same_mail_by_another_channel_is_done_once_and_no_trouble(store: Store, tmp_path: Path) -> None:
    two = DESK.replace(
        "  - {name: site,",
        '  - {name: other, type: smtp, listen: "127.0.0.1:8026", trust: {authserv_id: mx.acme.example}}\n  - {name: site,',
    )
    front = Replying(store, tmp_path / "out", desk(two))
    front.send("a@customer", to="billing@acme.example")
    letter = front.letter()
    rows = [front.kept(letter), front.kept(letter.but(channel="other"))]
    assert [front.router.route(row)[-1].outcome for row in rows] == ["routed", "ignored"]
    assert "was done already" in front.cause(rows[1])
    assert len(front.ticket(1)["entries"]) == 2
    assert front.refusals() == []


def at_once(front: Replying, rows: list[int]) -> list[str]:
    with ThreadPoolExecutor(len(rows)) as pool:
        return [one.outcome for done in pool.map(front.router.route, rows) for one in done]


def test_two_workers_do_one_mail_once(front: Replying) -> None:
    row = front.kept(front.letter())
    assert at_once(front, [row] * 4) == ["routed"]
    assert len(front.ticket(1)["entries"]) == 2


def test_of_two_mails_with_one_message_id_at_once_one_is_done(front: Replying) -> None:
    rows = [front.kept(front.letter(text=f"Answer {one}")) for one in range(2)]
    assert sorted(at_once(front, rows)) == ["quarantined", "routed"]
    assert len(front.ticket(1)["entries"]) == 2


def test_of_two_agents_who_take_at_once_one_gets_it(front: Replying) -> None:
    letters = [front.letter(one, text="#take", message_id=f"{one}@acme.example") for one in ("luca", "sona")]
    assert sorted(at_once(front, [front.kept(one) for one in letters])) == ["quarantined", "routed"]
    assert front.ticket(1)["agent"] in ("luca", "sona")


def test_a_process_that_dies_in_the_middle_leaves_nothing_and_the_mail_waits(
    front: Replying, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, row = front.state(), front.kept(front.letter(text="#tag vip\nHello"))
    with monkeypatch.context() as patched:
        patched.setattr("router.by_mail.acting.finish", _dies)
        with pytest.raises(KeyboardInterrupt):
            front.router.route(row)
    assert front.state() == before
    assert front.router.route(row)[-1].outcome == "routed"
    assert front.ticket(1)["tags"] == ["vip"]


def _dies(*_args: object, **_more: object) -> None:
    raise KeyboardInterrupt


def test_the_files_of_the_mail_go_along_with_the_answer(front: Replying) -> None:
    done = front.reply(front.letter(body=("multipart/mixed; boundary=b", FILES)))
    assert done.outcome == "routed"
    assert [one["filename"] for one in front.last(1)["attachments"]] == ["invoice.pdf"]
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert [one.get_filename() for one in sent.iter_attachments()] == ["invoice.pdf"]
    assert "%PDF-1.4 invoice" in str([one.get_payload(decode=True) for one in sent.iter_attachments()])


FILES = """--b
Content-Type: text/plain

Here it is.
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=invoice.pdf

%PDF-1.4 invoice
--b
Content-Type: image/png
Content-Disposition: inline; filename=logo.png
Content-ID: <logo@x>

PNG
--b--"""


@pytest.mark.parametrize("text", ["#note\nHere it is.", "#resolve"])
def test_files_are_never_dropped_in_silence(quick: Replying, text: str) -> None:
    before = quick.state()
    done = quick.reply(quick.letter(body=("multipart/mixed; boundary=b", FILES.replace("Here it is.", text))))
    assert "Files go along with the text of an answer only" in quick.cause(done.inbox_id)
    assert quick.state() == before


QUOTED = """
On Sun, 22 Nov 2026 at 12:00, Ann via Acme Support <desk@support.acme.example> wrote:

> -- reply above this line -- #1
> Ann (customer) wrote:
>
> > #close
> > Where is my parcel?
>
> You get this mail because: a new ticket in your department Billing"""


@pytest.mark.parametrize(
    ("text", "said", "status"),
    [
        (f"It is on its way.\n{QUOTED}", "It is on its way.", "answered"),
        (f"#resolve\nIt is on its way.\n{QUOTED}", "It is on its way.", "resolved"),
        (f"#resolve\n{QUOTED}", "", "resolved"),
        (f"{QUOTED.strip()}\n\n#resolve\nIt is on its way.", "It is on its way.", "resolved"),
    ],
)
def test_a_quoted_notice_says_and_commands_nothing(quick: Replying, text: str, said: str, status: str) -> None:
    assert quick.reply(quick.letter(text=text)).outcome == "routed"
    assert quick.ticket(1)["status"] == status
    assert quick.last(1)["text"] == (said or "Where is my parcel?")


def test_an_html_only_reply_is_read_like_any_other(quick: Replying) -> None:
    page = (
        "<div>#resolve</div><div>It is <b>on its way</b>.</div><br><div class=gmail_quote>On Sun, 22 Nov 2026 at 12:00, "
        "Ann via Acme Support &lt;desk@support.acme.example&gt; wrote:<br><blockquote>-- reply above this line -- #1<br>"
        "#spam<br>You get this mail because: it is yours</blockquote></div>"
    )
    assert quick.reply(quick.letter(body=("text/html; charset=utf-8", page))).outcome == "routed"
    assert (quick.ticket(1)["status"], quick.last(1)["text"]) == ("resolved", "It is on its way.")


@pytest.mark.parametrize(
    "change",
    [
        lambda letter: letter.but(sender="luca@home.example", mail_from="luca@home.example"),
        lambda letter: letter.but(to=letter.to.upper()),
        lambda letter: letter.but(to=letter.to.replace("reply+a", "Reply+A").replace("@support", "@SUPPORT")),
        lambda letter: letter.but(to="reply@support.acme.example", envelope=(letter.to,)),
        lambda letter: letter.but(to="x@y.example", cc=letter.to, envelope=()),
        lambda letter: letter.but(to="x@y.example", more=(f"Delivered-To: {letter.to}",), envelope=()),
        lambda letter: letter.but(to="x@y.example", more=(f"X-Original-To: {letter.to}",), envelope=()),
        lambda letter: letter.but(to=letter.to, cc="ann@example.com, support@acme.example"),
        lambda letter: letter.but(answers=""),
        lambda letter: letter.but(type="imap", mail_from="", envelope=()),
        lambda letter: letter.but(mail_from="", peer=""),  # out of a pipe
        lambda letter: letter.but(more=("Auto-Submitted: no",)),
        lambda letter: letter.but(subject="Something else"),
    ],
)
def test_a_genuine_reply_is_known_whatever_programs_did_to_it(quick: Replying, change: Callable[..., object]) -> None:
    done = quick.reply(change(quick.letter()))  # type: ignore[arg-type]
    assert (done.outcome, done.ticket, len(quick.counts())) == ("routed", 1, 2)
    assert quick.last(1)["author"] == "agent:luca"


def test_a_notice_of_a_ticket_that_was_merged_leads_to_the_other(front: Replying) -> None:
    letter = front.letter()
    front.send("b@customer", to="billing@acme.example", subject="Another")
    front.acts.merge(1, "sona", 2)
    assert front.reply(letter).ticket == 2
    assert front.last(2)["author"] == "agent:luca"


def test_a_proven_agents_mail_without_a_reply_address_is_what_it_always_was(front: Replying) -> None:
    letter = front.letter(to="billing@acme.example")
    done = front.reply(letter)
    assert (done.outcome, done.ticket, front.last(1)["author"]) == ("routed", 1, "agent:luca")
    assert [one for one in front.owed(1) if one[0] == "customer"] == []


def test_the_listener_takes_mail_for_reply_addresses_and_for_nothing_that_only_looks_like_one(quick: Replying) -> None:
    config = quick.at.channels_by_name["mail"]
    assert isinstance(config, Config)
    address = quick.address()
    assert takes(quick.at, config, address)
    assert takes(quick.at, config, address.upper())
    assert not takes(quick.at, config, address.replace("@", "x@"))
    assert not takes(quick.at, config, address.replace(DOMAIN, "evil.example"))


def test_rules_that_are_tried_on_history_see_no_message_in_a_reply_to_a_notice(store: Store, tmp_path: Path) -> None:
    rules = "- {name: Tag, on: [ticket.answered, ticket.noted], then: [tag: vip]}"
    front = Replying(store, tmp_path / "out", desk(DESK, rules))
    front.send("a@customer", to="billing@acme.example")
    front.reply(front.letter())
    assert front.ticket(1)["tags"] == ["vip"]
    with store.read() as connection:
        first, last = stretch(connection, 0.0)
        tried = [one.row.id for one in messages(connection, front.blobs, first, last, 0.0) if isinstance(one, Past)]
    assert tried == [1]
