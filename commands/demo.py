"""`make demo`: a dozen messages into a desk, and what became of each, live in the terminal.

Uses the desk that runs with these settings, or starts one for the time of the demo.
"""

import contextlib
import json
import re
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from commands.output import console, line, printable, stop
from commands.parts import open_desk, settings
from config.desk import ChannelConfig, Desk
from config.model import MissingSecretError
from config.settings import Settings
from ingest.channels import smtp, telegram
from tickets import look
from tickets.schema import inbox
from tickets.store import Store

START_SECONDS = 60
WATCH_SECONDS = 15


@dataclass(slots=True)
class Sent:
    """One message of the demo and, once it is known, its row in the inbox."""

    what: str
    row: int | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of the demo; `answers` is the place of the mail it replies to."""

    what: str
    sender: str
    to: str
    subject: str
    text: str
    answers: int | None = None


MAILS = (
    Mail(
        "a question",
        "Ann Smith <ann@example.com>",
        "support@acme.example",
        "Opening hours",
        "When are you open on Sunday?",
    ),
    Mail(
        "an invoice", "Bob <bob@example.com>", "support@acme.example", "Invoice 2041", "The VAT on my invoice is wrong."
    ),
    Mail("an outage", "Eve <eve@initech.example>", "support@acme.example", "URGENT: outage", "Everything is down!"),
    Mail("for billing", "Carl <carl@example.com>", "billing@acme.example", "Refund", "When do I get my money back?"),
    Mail(
        "the reply",
        "Bob <bob@example.com>",
        "support@acme.example",
        "Re: Invoice 2041",
        "Still wrong. Hello?",
        answers=1,
    ),
    Mail(
        "press",
        "Dana <dana@news.example>",
        "marketing@acme.example",
        "Press: interview",
        "Could we talk about your launch?",
    ),
    Mail(
        "German, 8 bit",
        "Jörg Müller <joerg@example.de>",
        "support@acme.example",
        "Größe passt nicht",
        "Können Sie tauschen?",
    ),
    Mail(
        "a good customer", "Gina <gina@globex.example>", "support@acme.example", "New contract", "Please call me today."
    ),
    Mail(
        "a newsletter", "News <news@letters.example>", "support@acme.example", "This week", "Ten things you must read."
    ),
    Mail(
        "a stranger",
        "Mallory <mallory@evil.example>",
        "support@acme.example",
        "Re: Invoice 2041",
        "Send it to me.",
        answers=1,
    ),
)


def main() -> None:
    """Send, watch, and tell where to look next."""
    found = settings()
    desk = open_desk(found.desk_file).current()
    with _running(found):
        store = Store(found.database)
        try:
            sent: list[Sent] = []
            with Live(_table(store, sent), console=console(), refresh_per_second=8) as live:

                def show() -> None:
                    live.update(_table(store, sent))

                _send(desk, found, store, sent, show)
                _watch(store, sent, show)
        finally:
            store.close()
    line(f"\nWhat agents would have received lies in {found.outbox_folder}", "bold")
    line("Why is a ticket where it is?  .venv/bin/frontdesk why 1")


@contextlib.contextmanager
def _running(found: Settings) -> Iterator[None]:
    """Use the desk that answers, or run one and stop it afterwards."""
    if _answers(found):
        line(f"Using the desk at http://{found.http}", "dim")
        yield
        return
    found.data.mkdir(parents=True, exist_ok=True)
    log = found.data / "demo.log"
    line(f"Starting a desk for the demo, its log is {log}", "dim")
    with log.open("wb") as file:
        worker = Path(__file__).parent.parent / "worker.py"
        process = subprocess.Popen([sys.executable, str(worker), "run"], stdout=file, stderr=file)  # noqa: S603  # our own
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(found):
            if process.poll() is not None or time.monotonic() > until:
                stop(f"The desk did not start:\n{log.read_text(errors='replace')}", 1)
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(found: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"http://{found.http}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _send(desk: Desk, found: Settings, store: Store, sent: list[Sent], show: Callable[[], None]) -> None:
    by_type: dict[str, ChannelConfig] = {}
    for config in desk.channels:
        by_type.setdefault(config.type, config)
    if isinstance(mail := by_type.get("smtp"), smtp.Config):
        _send_mails(mail, desk, sent, show)
    if chat := by_type.get("chat"):
        one = Sent("chat: a visitor")
        sent.append(one)
        body = {
            "visitor": f"v-{uuid.uuid4().hex}",
            "client_msg_id": "1",
            "text": "Hi, is anybody there?",
            "name": "Vera",
        }
        _post(one, f"http://{found.http}/chat/{chat.name}/messages", body, {})
        show()
    if isinstance(bot := by_type.get("telegram"), telegram.Config):
        one = Sent("Telegram: an update")
        sent.append(one)
        try:
            headers = {"X-Telegram-Bot-Api-Secret-Token": bot.secret[0].reveal()}
        except MissingSecretError as error:
            one.trouble = f"not sent, {error}"
        else:
            _post(one, f"http://{found.http}/in/{bot.name}", _update(), headers)
            with store.read() as connection:
                one.row = connection.scalar(select(func.max(inbox.c.id)).where(inbox.c.channel == bot.name))
        show()


def _send_mails(config: smtp.Config, desk: Desk, sent: list[Sent], show: Callable[[], None]) -> None:
    run = uuid.uuid4().hex[:12]
    host, port = config.host_and_port
    with smtplib.SMTP(host, port, timeout=30) as server:
        server.ehlo()
        for place, mail in enumerate(MAILS):
            one = Sent(f"mail: {mail.what}")
            sent.append(one)
            to = mail.to if smtp.takes(desk, config, mail.to) else next(iter(desk.departments_by_address), mail.to)
            server.mail(mail.sender.partition("<")[2].rstrip(">"))
            code, words = server.rcpt(to)
            if code == 250:
                code, words = server.data(_mail(mail, to, run, place))
            if match := re.search(rb"kept as (\d+)", words):
                one.row = int(match[1])
            else:
                one.trouble = f"{code} {words.decode(errors='replace')}"
                server.rset()
            show()


def _mail(mail: Mail, to: str, run: str, place: int) -> bytes:
    lines = [
        f"From: {mail.sender}",
        f"To: {to}",
        f"Subject: {mail.subject}",
        f"Message-ID: <{run}.{place}@demo.example>",
    ]
    if mail.answers is not None:
        lines.append(f"In-Reply-To: <{run}.{mail.answers}@demo.example>")
    if mail.what == "a newsletter":
        lines.append("List-Id: <weekly.letters.example>")
    lines += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", mail.text, ""]
    return "\r\n".join(lines).encode()


def _update() -> dict[str, Any]:
    now = time.time()
    person = {"id": int(now) % 10**9, "is_bot": False, "first_name": "Tom"}
    message = {"message_id": 1, "from": person, "chat": {"id": person["id"], "type": "private"}, "date": int(now)}
    return {"update_id": int(now * 1000), "message": {**message, "text": "Do you ship to Norway?"}}


def _post(one: Sent, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)  # noqa: S310  # the desk's own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            one.row = json.load(answer).get("id")
    except urllib.error.HTTPError as error:
        one.trouble = f"{error.code} {error.read(500).decode(errors='replace')}"
    except OSError as error:
        one.trouble = str(error)


def _watch(store: Store, sent: Sequence[Sent], show: Callable[[], None]) -> None:
    """Look until every notice of every message has left, or long enough."""
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until and not all(_finished(store, one) for one in sent):
        show()
        time.sleep(0.1)
    show()


def _finished(store: Store, one: Sent) -> bool:
    if one.row is None:
        return True
    number = _ticket_of(store, one.row)
    if number is None:
        return False
    return all(told["state"] != "pending" for made in look.passes(store, number) for told in made["told"])


def _ticket_of(store: Store, row: int) -> int | None:
    with store.read() as connection:
        number: int | None = connection.scalar(select(inbox.c.ticket_id).where(inbox.c.id == row))
    return number


def _table(store: Store, sent: Sequence[Sent]) -> Table:
    made = Table("Message", "Ticket", "Department", "Agent", "The rule that decided", "Told", box=None, pad_edge=False)
    for one in sent:
        made.add_row(*(escape(printable(cell)) for cell in _cells(store, one)))
    return made


def _cells(store: Store, one: Sent) -> tuple[object, ...]:
    if one.row is None:
        return one.what, one.trouble, "", "", "", ""
    number = _ticket_of(store, one.row)
    found = look.ticket(store, number) if number else None
    if number is None or found is None:
        return one.what, "…", "", "", "", ""
    [made] = [made for made in look.passes(store, number) if made["inbox"] == one.row]
    matched = [run["rule"] for run in made["trace"]["rules"] if run["result"] == "matched"]
    told = dict.fromkeys(told["recipient"] for told in made["told"] if told["state"] != "suppressed")
    rule = ", ".join(matched) or made["trace"]["because"]
    return one.what, f"#{number}", found["department"], found["agent"] or "nobody yet", rule, ", ".join(told)


if __name__ == "__main__":
    main()
