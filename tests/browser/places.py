"""Where the stories happen: a desk in a process of its own, a site whose pages show the chat, and what a visitor does there."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, FrameLocator, Locator, Page
from sqlalchemy import create_engine, text

from tests.chaos.desk_process import BIN, DeskProcess, until

SECONDS = 20
SITE_SECRET = "a secret the shop and the desk share: 0123456789"
DESK = """
desk: {{name: Acme Support, domain: support.acme.example}}
agents:
  - {{id: sona, name: Sona, email: sona@acme.example}}
  - {{id: luca, name: Luca, email: luca@acme.example}}
departments:
  - {{id: general, name: General, agents: all, addresses: [support@acme.example]}}
  - {{id: billing, name: Billing, agents: all, addresses: [billing@acme.example]}}
  - {{id: workshop, name: Workshop, agents: all, availability: {{chat: night}}}}
  - {{id: vip, name: VIP, agents: all, hidden: true}}
calendars:
  - {{id: night, hours: {{}}}}
channels:
  - {{name: mail, type: smtp, listen: "127.0.0.1:{smtp}"}}
  - name: site
    type: chat
    origins: ["ORIGIN"]
    theme: {{title: Acme Support}}
    site_secrets: [env:SITE_SECRET]
    form:
      name: required
      fields:
        - {{id: order, label: Order number}}
        - {{id: topic, label: Topic, type: select, options: [Delivery, Return]}}
        - {{id: terms, label: I agree, type: checkbox, required: true}}
  - name: plain
    type: chat
    origins: ["ORIGIN"]
    wait_seconds: 15
    theme: {{colour: "#f5b301", position: left, greeting: "Hello from the garden!"}}
    form: {{name: "off", email: "off", department: false}}
    upload: {{most_bytes: 100000, most_files: 2}}
  - name: closed
    type: chat
    origins: ["ORIGIN"]
    department: workshop
    form: {{department: false}}
  - name: worked
    type: chat
    origins: ["ORIGIN"]
    proof_bits: 10
    form: {{name: "off", email: "off", department: false}}
  - name: turned
    type: chat
    origins: ["ORIGIN"]
    turnstile: {{site_key: "0x4AAA", secret: env:TURNSTILE, base_url: "ORIGIN"}}
    form: {{name: "off", email: required, department: false}}
notifiers:
  email: {{from: desk@support.acme.example}}
"""
"""Braces are doubled, because the port is filled in; so is the origin of the site."""


class ChatDesk:
    """A desk process, and what its database says."""

    def __init__(self, desk: DeskProcess) -> None:
        desk.environment |= {"SITE_SECRET": SITE_SECRET, "TURNSTILE": "the other key"}
        self.process = desk
        self.origin = f"http://127.0.0.1:{desk.http}"

    def rows(self, statement: str, **values: object) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""
        engine = create_engine(self.process.database)
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(text(statement), values).mappings()]
        finally:
            engine.dispose()

    def change(self, statement: str) -> None:
        """Change the database behind the desk's back."""
        engine = create_engine(self.process.database)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def said(self, words: str) -> list[str]:
        """Return every text of the conversation in which such words were said, in its order."""
        statement = """
          SELECT text FROM entries WHERE kind IN ('message', 'answer') AND conversation IN
          (SELECT conversation FROM entries WHERE text LIKE :like) ORDER BY seq
        """
        return [str(row["text"]) for row in self.rows(statement, like=f"%{words}%")]

    def ticket(self, words: str) -> Mapping[str, Any]:
        """Return the ticket in which such words stand, as soon as there is one."""
        statement = """
          SELECT tickets.* FROM tickets JOIN entries ON entries.ticket_id = tickets.id WHERE entries.text LIKE :like
        """
        return until(lambda: self.rows(statement, like=f"%{words}%"), SECONDS, f"a ticket with {words!r}")[0]

    def reply(self, words: str, answer: str) -> None:
        """Answer the ticket in which such words stand, as an agent does."""
        command = [str(BIN / "frontdesk"), "reply", str(self.ticket(words)["id"]), "--as", "sona", "--text", answer]
        subprocess.run(command, env=self.process.environment, cwd=self.process.folder, check=True, timeout=60)


class Site:
    """A site of somebody's: one page, with the script line of the chat it is asked for in the query string."""

    def __init__(self) -> None:
        self.desk = ""
        self.also = ""
        self.turned: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def url(self, channel: str = "plain", **attributes: str) -> str:
        """Return the address of the page with the chat of a channel; `attributes` are the script's, without their `data-`."""
        query = "&".join(f"{name}={value}" for name, value in {"channel": channel, **attributes}.items())
        return f"{self.origin}/?{query}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _page(self, query: Mapping[str, str]) -> str:
        given = " ".join(f'data-{name}="{value}"' for name, value in query.items() if name != "channel")
        line = f'<script src="{self.desk}/chat/{query["channel"]}/widget.js" async {given}></script>'
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
            f"<body><main><h1>A shop</h1><p>Spades and rakes.</p>{self.also}</main>{line}</body></html>"
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path)
                query = dict(parse_qsl(path.query, keep_blank_values=True))
                page = site._page(query) if path.path == "/" else "<!doctype html><title>Nothing</title>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                # As strict as a page can be that has the script line in it.
                frames = f"{site.desk} http://localhost:*"
                self.send_header(
                    "Content-Security-Policy", f"default-src 'none'; script-src {site.desk}; frame-src {frames}"
                )
                self.end_headers()
                self.wfile.write(page.encode())

            def do_POST(self) -> None:
                """Answer as Turnstile, which takes any token but the same one twice."""
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                good = asked["secret"] == "the other key" and asked["response"] not in site.turned
                site.turned.append(asked["response"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"success": good}).encode())

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the name it has there
                """Say nothing."""

        return Handler


@dataclass
class Visitor:
    """A person in front of a page with a chat."""

    page: Page

    @property
    def launcher(self) -> Locator:
        """The button that opens and closes the chat."""
        return self.page.locator("#frontdesk-chat button")

    @property
    def chat(self) -> FrameLocator:
        """The chat itself."""
        return self.page.frame_locator("#frontdesk-chat iframe")

    @property
    def inside(self) -> Frame:
        """The frame of the chat, for what locators cannot do."""
        return next(frame for frame in self.page.frames if "/frame#" in frame.url)

    def open(self, url: str) -> Self:
        """Go to a page and open its chat."""
        self.page.goto(url)
        self.launcher.click()
        self.chat.get_by_role("dialog").wait_for()
        return self

    def write(self, words: str) -> None:
        """Write and send a message."""
        self.chat.get_by_label("Write a message").fill(words)
        self.chat.get_by_role("button", name="Send", exact=True).click()

    def settled(self, words: str) -> Locator:
        """Wait until a message stands in the conversation, and return it."""
        found = self.chat.locator(".message", has_text=words).filter(has=self.page.locator("time"))
        found.first.wait_for()
        return found

    def until(self, look: Callable[[], Any]) -> None:
        """Wait until something has come from the browser, which is heard only while it is asked."""
        end = time.monotonic() + SECONDS
        while not look():
            assert time.monotonic() < end, "waited in vain"
            self.page.wait_for_timeout(20)

    @property
    def shown(self) -> list[str]:
        """Every text that is shown but the greeting, in its order."""
        return self.chat.locator(".message:not(.greeting) .text").all_inner_texts()

    def is_accessible(self) -> None:
        """Hold page and chat against axe's rules."""
        for frame in self.page.frames[:1], [self.inside]:
            found = Axe().run(frame[0])  # it only evaluates, which a frame can as well
            wrong = [
                f"{one['id']}: {node['html']} {node['failureSummary']}"
                for one in found.response["violations"]
                for node in one["nodes"]
            ]
            assert not wrong, "\n".join(wrong)
