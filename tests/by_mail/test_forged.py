"""What is forged, stolen, forwarded, automatic or out of date is refused: every variant begins with one genuine reply."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from commands.parts import CHECKS, KINDS
from config.load import load
from ingest import quarantine
from ingest.mail.read import parse_mail
from ingest.mail.verify import Verifier
from router.route import Router
from tests.by_mail.replying import DESK, DOMAIN, Letter, Replying
from tests.desks import HEAD, TRUSTING, desk
from tests.mail.name_server import NameServer
from tests.mail.test_trust import signed, zone
from tickets.schema import inbox, tickets
from tickets.store import Store
from tickets.tokens import revoke

Forge = Callable[[Replying, Letter], Letter]

NOTHING_GENUINE = "no reply address in it is genuine"
NOT_PROVEN = "it is not proven that it is from luca@acme.example"
NOT_THEIRS = "that is none of the addresses the desk file has for the agent"
SEVERAL = "it names the reply addresses of several notices"
BESIDES = "it names a reply address that is not genuine besides"
AUTOMATIC = "automatic"


def said(front: Replying, letter: Letter, **other: object) -> Letter:
    """Return the letter to the address of which its proof says something other."""
    return letter.but(to=front.address(other=other))


def exchanged(letter: Letter, notice: int) -> Letter:
    """Return the letter with the proof of its address behind another notice."""
    proof = letter.to.split(".", 2)[2]
    return letter.but(to=f"reply+a.{notice}.{proof}")


def cut(letter: Letter, by: int) -> Letter:
    """Return the letter to its address without the last letters of the proof, which came to a mailbox all the same."""
    local, _, domain = letter.to.partition("@")
    return letter.but(to=f"{local[:-by]}@{domain}", envelope=())


def altered(letter: Letter) -> Letter:
    """Return the letter to its address with another last letter of the proof."""
    local, _, domain = letter.to.partition("@")
    return letter.but(to=f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}")


def header(*lines: str) -> Forge:
    return lambda _, letter: letter.but(more=lines)


def text(words: str) -> Forge:
    return lambda _, letter: letter.but(text=words)


def eve(letter: Letter, **more: object) -> Letter:
    """Return it as Eve sends it from her own address, which her provider proves."""
    return letter.but(sender="eve@example.net", mail_from="eve@example.net", **more)


def bare_verdict(line: str) -> Forge:
    """Return how it looks with that line instead of what our own mail server writes."""
    return lambda _, letter: letter.but(verdict="", more=(line,))


FORGED: dict[str, tuple[Forge, str, bool]] = {
    # what the reply address says
    "another agent's From": (lambda _, one: one.but(sender="sona@acme.example"), NOT_THEIRS, True),
    "another agent's address": (lambda front, one: one.but(to=front.address("sona")), NOT_THEIRS, True),
    "another ticket in the proof": (lambda front, one: said(front, one, ticket=2), NOTHING_GENUINE, False),
    "another agent in the proof": (lambda front, one: said(front, one, agent="sona"), NOTHING_GENUINE, False),
    "another event in the proof": (lambda front, one: said(front, one, event="x"), NOTHING_GENUINE, False),
    "another epoch in the proof": (lambda front, one: said(front, one, epoch=1), NOTHING_GENUINE, False),
    "a proof of another row": (lambda front, one: exchanged(one, front.notice("sona")), NOTHING_GENUINE, False),
    "a row that is not there": (lambda _, one: exchanged(one, 10**17), NOTHING_GENUINE, False),
    "a row beyond every number": (lambda _, one: exchanged(one, 10**18 - 1), NOTHING_GENUINE, False),
    "a proof cut short": (lambda _, one: cut(one, 1), NOTHING_GENUINE, False),
    "no proof": (lambda _, one: cut(one, 17), NOTHING_GENUINE, False),
    "an altered proof": (lambda _, one: altered(one), NOTHING_GENUINE, False),
    "a customer's proof": (
        lambda front, one: one.but(to=front.reply_to(1).replace("+t.", "+a."), envelope=()),
        NOTHING_GENUINE,
        False,
    ),
    "made up": (lambda _, one: one.but(to=f"reply+a.1.aaaaaaaaaaaaaaaa@{DOMAIN}"), NOTHING_GENUINE, False),
    "two notices": (lambda front, one: one.but(cc=front.address("luca", 2)), SEVERAL, True),
    "two agents' notices": (lambda front, one: one.but(cc=front.address("sona")), SEVERAL, False),
    "a made up one besides": (lambda _, one: one.but(cc=f"reply+a.1.aaaaaaaaaaaaaaaa@{DOMAIN}"), BESIDES, True),
    "a cut one in the envelope": (lambda _, one: one.but(envelope=(cut(one, 1).to,)), BESIDES, True),
    # who wrote it
    "forwarded to a stranger": (lambda _, one: eve(one), NOT_THEIRS, True),
    "a stranger without proof": (lambda _, one: eve(one, verdict=""), NOT_THEIRS, True),
    "the customer": (lambda _, one: one.but(sender="ann@example.com", mail_from="ann@example.com"), NOT_THEIRS, True),
    "the customer, in Cc": (
        lambda _, one: one.but(sender="ann@example.com", to="billing@acme.example", cc=one.to),
        NOT_THEIRS,
        True,
    ),
    "a name like the agent's": (lambda _, one: one.but(sender="luca@acme.example.net"), NOT_THEIRS, True),
    "an address with a tag": (lambda _, one: one.but(sender="luca+x@acme.example"), NOT_THEIRS, True),
    "two From lines": (header("From: <eve@example.net>"), "it is not proven|the mail has 2 From headers", True),
    "two addresses in From": (
        lambda _, one: one.but(sender="luca@acme.example>, <eve@example.net"),
        "its From names several addresses",
        True,
    ),
    "no From": (
        lambda _, one: one.but(sender="", more=("Sender: luca@acme.example",)),
        "its From names no address",
        True,
    ),
    "DMARC none": (lambda _, one: one.but(verdict="none"), NOT_PROVEN, True),
    "DMARC fail": (lambda _, one: one.but(verdict="fail"), NOT_PROVEN, True),
    "DMARC temperror": (lambda _, one: one.but(verdict="permerror"), NOT_PROVEN, True),
    "no verdict": (lambda _, one: one.but(verdict=""), NOT_PROVEN, True),
    "a verdict of another server": (
        bare_verdict("Authentication-Results: mx.evil.example; dmarc=pass header.from=acme.example"),
        NOT_PROVEN,
        True,
    ),
    "a verdict about another domain": (
        bare_verdict("Authentication-Results: mx.acme.example; dmarc=pass header.from=evil.example"),
        NOT_PROVEN,
        True,
    ),
    "a signature of another domain": (
        bare_verdict("Authentication-Results: mx.acme.example; dkim=pass header.d=evil.example"),
        NOT_PROVEN,
        True,
    ),
    "a verdict below the real one": (
        lambda _, one: one.but(
            verdict="fail", more=("Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example",)
        ),
        NOT_PROVEN,
        True,
    ),
    "a verdict in an ARC set": (
        bare_verdict("ARC-Authentication-Results: i=1; mx.acme.example; dmarc=pass header.from=acme.example"),
        NOT_PROVEN,
        True,
    ),
    "an older mail of the agent, sent again": (
        lambda _, one: one.but(date="Sun, 22 Nov 2026 10:59:00 +0000", to="eve@example.net", envelope=(one.to,)),
        "written before the notice",
        True,
    ),
    "a mail without a date": (lambda _, one: one.but(date=""), "written before the notice", True),
    "a To above the signed one": (
        lambda _, one: one.but(to="eve@example.net", more=(f"To: {one.to}",), envelope=(one.to,)),
        "it has two to headers",
        True,
    ),
    "a Subject above the signed one": (header("Subject: Other"), "it has two subject headers", True),
    # a program
    "auto-replied": (header("Auto-Submitted: auto-replied"), AUTOMATIC, False),
    "auto-generated": (header("Auto-Submitted: auto-generated"), AUTOMATIC, False),
    "said to be no and yes": (header("Auto-Submitted: no", "Auto-Submitted: auto-replied"), AUTOMATIC, False),
    "X-Autoreply": (header("X-Autoreply: yes"), AUTOMATIC, False),
    "X-Autorespond": (header("X-Autorespond: 1"), AUTOMATIC, False),
    "Precedence bulk": (header("Precedence: bulk"), AUTOMATIC, False),
    "Precedence junk": (header("Precedence: junk"), AUTOMATIC, False),
    "Precedence auto_reply": (header("Precedence: auto_reply"), AUTOMATIC, False),
    "an absence in the subject": (lambda _, one: one.but(subject="Out of Office: Re: [#1] Hello"), AUTOMATIC, False),
    "a list's": (header("List-Id: <all.acme.example>"), AUTOMATIC, False),
    "our own notice": (header(f"X-Frontdesk-Loop: {DOMAIN}"), AUTOMATIC, False),
    "a null return path": (header("Return-Path: <>", "User-Agent: Thunderbird"), "no return path", False),
    "a null envelope": (lambda _, one: one.but(mail_from=""), "no return path", False),
    "a bounce": (
        lambda _, one: one.but(
            body=("multipart/report; report-type=delivery-status; boundary=b", "--b\n\nUndeliverable\n--b--"),
            subject="Undelivered Mail Returned to Sender",
            mail_from="",
        ),
        AUTOMATIC,
        False,
    ),
    "a read receipt": (
        lambda _, one: one.but(
            body=("multipart/report; report-type=disposition-notification; boundary=b", "--b\n\nRead\n--b--")
        ),
        AUTOMATIC,
        False,
    ),
    # what it says
    "an unknown command": (text("#asign bob\nshe is difficult"), "did you mean #assign?", True),
    "a Cyrillic command": (text("#\u0441lose\nDone"), "did you mean #close?", True),
    "a full-width command": (text("\uff03close\nDone"), "did you mean #close?", True),
    "an invisible letter in front": (text("\u200b#close\nDone"), "did you mean #close?", True),
    "a command below the text": (text("Hello\n#note\nshe is difficult"), "stands below other text", True),
    "nothing above the notice": (
        text("-- reply above this line -- #1\nNew ticket in Billing\n\n#close\nYou get this mail because: it is new"),
        "could not be told from the notice",
        True,
    ),
    "an answer between the lines of the notice": (
        text(
            "> -- reply above this line -- #1\n> Where is my parcel?\n\nOn its way.\n\n> You get this mail because: x"
        ),
        "could not be told from the notice",
        True,
    ),
    "nothing": (text("\n"), "No new text and no command", True),
    "an HTML page that hides nothing of the notice": (
        lambda _, one: one.but(
            body=("text/html", "<p>See the whole ticket: <code>frontdesk ticket 1</code></p><p>#close</p>")
        ),
        "could not be told from the notice",
        True,
    ),
    "an unknown command in HTML": (
        lambda _, one: one.but(body=("text/html", "<div><b>#asign</b> bob</div><div>Hi</div>")),
        "is no command",
        True,
    ),
    "forwarded instead of answered": (
        lambda _, one: one.but(
            answers="",
            subject="Fwd: My parcel",
            text="---------- Forwarded message ---------\nFrom: Ann <ann@example.com>\n"
            "Date: Sun, 22 Nov 2026 at 10:00\nSubject: My parcel\nTo: <luca@acme.example>\n\nIt never came.",
        ),
        "it is a forwarded mail",
        True,
    ),
    "something that cannot be done": (text("#tag vip\n#transfer nowhere"), "No department is called", True),
}


def test_there_are_enough_of_them() -> None:
    assert len(FORGED) >= 60


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_refused_and_changes_nothing(quick: Replying, name: str) -> None:
    forge, why, told = FORGED[name]
    letter, before = forge(quick, quick.letter()), quick.state()
    done = quick.reply(letter)
    assert (done.outcome, done.ticket) == ("quarantined", None)
    cause = quick.cause(done.inbox_id)
    assert any(one in cause for one in why.split("|")), cause
    assert quick.state() == before
    whom = "sona" if name == "another agent's address" else "luca"
    assert [(one.recipient, one.address) for one in quick.refusals()] == [(whom, f"{whom}@acme.example")] * told
    assert len(done.notices) == told
    quick.deliver()
    for stranger in ("eve@", "ann@example.com", "bob@example.com", "luca@acme.example.net", "luca+x@"):
        assert quick.mails(stranger) == []


def test_the_genuine_one_is_done(quick: Replying) -> None:
    assert quick.reply(quick.letter()).outcome == "routed"


def test_a_reply_address_in_references_alone_is_none(quick: Replying) -> None:
    letter = quick.letter(to="billing@acme.example")
    letter = letter.but(answers=letter.answers, more=(f"In-Reply-To: <{quick.address()}>",))
    quick.reply(letter)
    assert [one for one in quick.owed(1) if one[0] == "customer"] == []


def test_the_refusal_says_why_and_gives_back_the_text_and_can_be_answered(quick: Replying) -> None:
    quick.reply(quick.letter(text="#asign sona\nDear Ann, it comes."))
    quick.deliver()
    refused = quick.mails("luca@acme.example")[-1]
    plain = refused.get_body(("plain",))
    assert plain is not None
    words = plain.get_content()
    assert refused["Subject"] == "[#1] A reply to your notice was refused"
    assert '"#asign sona" is no command; did you mean #assign?' in words
    assert "> Dear Ann, it comes." in words
    assert "#transfer DEPARTMENT" in words
    assert refused["Auto-Submitted"] == "auto-generated"
    again = refused["Reply-To"].addresses[0].addr_spec
    quoted = "\n".join(f"> {line}" for line in words.splitlines())
    fixed = (
        f"#assign sona\nDear Ann, it comes.\n\nOn Sun, 22 Nov 2026 at 12:00, Acme <desk@x.example> wrote:\n\n{quoted}"
    )
    assert quick.reply(quick.letter(to=again, text=fixed, message_id="2@acme.example")).outcome == "routed"
    assert (quick.ticket(1)["agent"], quick.last(1)["text"]) == ("sona", "Dear Ann, it comes.")


def test_what_somebody_else_wrote_is_not_said_to_be_the_agents(quick: Replying) -> None:
    quick.reply(eve(quick.letter(text="Dear Ann, pay me.")))
    quick.deliver()
    plain = quick.mails("luca@acme.example")[-1].get_body(("plain",))
    assert plain is not None
    words = plain.get_content()
    assert "A mail to the reply address of your notice of ticket 1 was refused." in words
    assert "> Dear Ann, pay me." in words
    assert "Commands stand" not in words


def test_of_refusals_an_agent_hears_three_times_an_hour(quick: Replying) -> None:
    for one in range(6):
        quick.reply(eve(quick.letter(text=f"Mine {one}", message_id=f"{one}@example.net")))
    assert len(quick.refusals()) == 3
    quick.now += 3_600
    quick.reply(eve(quick.letter(text="Mine again", message_id="7@example.net")))
    assert len(quick.refusals()) == 4
    with quick.store.read() as connection:
        states = connection.execute(select(inbox.c.state).where(inbox.c.cause.is_not(None))).scalars().all()
    assert states == ["quarantined"] * 7


def test_another_mail_with_its_message_id_is_refused(quick: Replying) -> None:
    quick.reply(quick.letter())
    before = quick.state()
    done = quick.reply(quick.letter(text="#close\nSomething else"))
    assert "Another mail with the same Message-ID was done already" in quick.cause(done.inbox_id)
    assert quick.state() == before


def test_who_is_no_member_any_more_can_do_nothing_and_reads_nothing_of_the_ticket(quick: Replying) -> None:
    letter = quick.letter()
    with quick.store.write() as connection:
        connection.execute(tickets.update().values(subject="Secret"))
    quick.use(
        desk(DESK.replace("agents: [sona, luca], addresses: [billing", "agents: [sona, mia], addresses: [billing"))
    )
    before = quick.state()
    done = quick.reply(letter)
    assert quick.cause(done.inbox_id) == "a reply to a notice: There is no ticket 1 in a department of Luca"
    assert quick.state() == before
    [told] = quick.refusals()
    quick.deliver()
    sent = quick.mails("luca@acme.example")[-1]
    assert sent["Subject"] == "[#1] A reply to your notice was refused"
    assert not any(word in sent.as_string() for word in ("Secret", "Ann", "parcel"))
    assert told.recipient == "luca"


def test_who_is_no_agent_any_more_can_do_nothing_and_hears_nothing(quick: Replying) -> None:
    letter = quick.letter()
    gone = DESK.replace("agents: [sona, luca]", "agents: [sona]")
    luca = next(line for line in DESK.splitlines() if "id: luca" in line)
    quick.use(desk(gone.replace(luca, "")))
    done = quick.reply(letter)
    assert (done.outcome, done.notices) == ("quarantined", ())
    assert "luca is no agent of the desk file any more" in quick.cause(done.inbox_id)


@pytest.mark.parametrize(("days", "outcome"), [(179.9, "routed"), (180.1, "quarantined")])
def test_a_reply_address_lives_half_a_year(quick: Replying, days: float, outcome: str) -> None:
    letter = quick.letter()
    quick.now += days * 86_400
    done = quick.reply(letter)
    assert done.outcome == outcome
    assert done.outcome == "routed" or "older than 180 days" in quick.cause(done.inbox_id)


def test_revoked_addresses_are_worthless_and_new_ones_are_not(store: Store, tmp_path: Path) -> None:
    front = Replying(store, tmp_path / "out")
    front.send("a@customer", to="billing@acme.example")
    old = [front.letter(), front.letter("sona", message_id="s@acme.example")]
    revoke(store, "luca", front.now)
    assert [front.reply(one).outcome for one in old] == ["quarantined", "routed"]
    assert front.reply(front.letter(message_id="new@acme.example")).outcome == "routed"
    revoke(store, "luca", front.now)
    assert (
        front.reply(front.letter(message_id="third@acme.example", text="#take")).outcome == "quarantined"
    )  # Sona has it


def test_a_channel_without_trust_takes_no_acts_and_says_how_it_would(quick: Replying) -> None:
    quick.use(desk(DESK.replace(", trust: {authserv_id: mx.acme.example}", "")))
    done = quick.reply(quick.letter())
    assert "the channel mail has no `trust` in the desk file" in quick.cause(done.inbox_id)
    assert len(done.notices) == 1


def test_a_signature_that_is_found_out_here_is_a_proof(quick: Replying) -> None:
    quick.use(desk(DESK.replace("authserv_id: mx.acme.example", "verify: [dkim]")))
    rows = []
    with NameServer(zone("acme.example", "evil.example")) as server:
        quick.router = Router(quick.store, lambda: quick.at, lambda: quick.now, Verifier(server.names()), quick.blobs)
        for number, domain in enumerate(("evil.example", "acme.example")):
            letter = quick.letter(verdict="", message_id=f"{number}@acme.example")
            raw = signed(letter.raw, domain)
            rows.append(quick.router.route(quick.kept(letter, raw))[-1])
            broken = raw.replace(b"on its way", b"not coming")
            rows.append(quick.router.route(quick.kept(letter.but(message_id="b"), broken))[-1])
    assert [one.outcome for one in rows] == ["quarantined", "quarantined", "routed", "quarantined"]


def test_a_mail_waits_while_dns_is_silent_and_is_then_refused(quick: Replying) -> None:
    quick.use(desk(DESK.replace("authserv_id: mx.acme.example", "verify: [dkim]")))
    with NameServer({}, silent=True) as server:
        names = server.names(lifetime=0.05)
        quick.router = Router(quick.store, lambda: quick.at, lambda: quick.now, Verifier(names), quick.blobs)
        row = quick.kept(quick.letter(verdict=""))
        assert [quick.router.route(row) for _ in range(3)] == [[], [], []]
        assert quick.refusals() == []
        assert [one.outcome for one in quick.router.route(row)] == ["quarantined"]
    assert len(quick.refusals()) == 1


def test_history_that_is_brought_in_is_not_done_again(quick: Replying) -> None:
    before = quick.state()
    done = quick.router.route(quick.kept(quick.letter(), more={"archive": True}))[-1]
    assert (done.outcome, done.notices) == ("ignored", ())
    assert quick.state() == before


def test_what_a_person_sends_on_is_checked_again(quick: Replying) -> None:
    quick.use(desk(DESK.replace(", trust: {authserv_id: mx.acme.example}", "")))
    done = quick.reply(quick.letter())
    assert quarantine.retry(quick.store, done.inbox_id, quick.now) is None
    assert quick.router.route(done.inbox_id)[-1].outcome == "quarantined"
    assert quarantine.retry(quick.store, done.inbox_id, quick.now) is None
    quick.use(desk(DESK))
    assert quick.router.route(done.inbox_id)[-1].outcome == "routed"
    assert quick.last(1)["author"] == "agent:luca"


def test_a_customers_mail_that_a_person_sends_on_is_the_customers(quick: Replying) -> None:
    letter = quick.letter(
        sender="ann@example.com", mail_from="ann@example.com", to="billing@acme.example", text="#close\nAnd my parcel?"
    )
    done = quick.reply(letter.but(cc=quick.address(), answers="a@customer"))
    assert done.outcome == "quarantined"
    assert quarantine.retry(quick.store, done.inbox_id, quick.now) is None
    again = quick.router.route(done.inbox_id)[-1]
    assert (again.outcome, again.ticket) == ("routed", 1)
    assert (quick.last(1)["author"], quick.ticket(1)["status"]) == ("ann@example.com", "new")


def test_every_line_of_a_notice_is_known_as_ours(quick: Replying) -> None:
    quick.deliver()
    for sent in quick.mails("luca@acme.example"):
        done = quick.reply(quick.letter(text=parse_mail(sent.as_bytes()).text))
        assert "could not be told from the notice" in quick.cause(done.inbox_id)


def test_desks_of_these_stories_are_sound(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(DESK, encoding="utf-8")
    assert load(tmp_path / "desk.yaml", KINDS, CHECKS).desk.agents_by_address["luca@home.example"].id == "luca"
    assert HEAD != TRUSTING != DESK
