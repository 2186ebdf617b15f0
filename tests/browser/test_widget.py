"""The widget on other people's pages: who may embed it, what it takes from whom, phones, keyboards, languages, files."""

import base64
import json
import re
import time
from itertools import pairwise
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import FilePayload, WebSocketRoute, expect

from tests.browser.conftest import MakeContext
from tests.browser.places import SITE_SECRET, ChatDesk, Site, Visitor

TEXTS = Path(__file__).parents[2] / "ingest/channels/chat/texts"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_site_that_is_not_named_cannot_embed_the_chat(desk: ChatDesk, visitor: Visitor) -> None:
    with Site() as stranger:
        stranger.desk = desk.origin
        visitor.page.goto(stranger.url())
        with visitor.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            visitor.launcher.click()
        assert not [frame for frame in visitor.page.frames if frame.url.startswith(desk.origin)]


@pytest.mark.usefixtures("desk")
def test_nobody_but_the_page_and_the_chat_is_listened_to(site: Site, visitor: Visitor) -> None:
    with Site() as stranger:
        site.also = f'<iframe src="{stranger.origin}/empty" title="An advertisement"></iframe>'
        try:
            visitor.open(site.url())
        finally:
            site.also = ""
        visitor.chat.get_by_label("Write a message").fill("A draft")
        advertisement = next(frame for frame in visitor.page.frames if frame.url.startswith(stranger.origin))
        advertisement.evaluate(
            """() => {
              const told = { frontdesk: { shown: true, full: false, siteToken: "mine", department: "vip", scheme: "dark" } };
              for (let at = 0; at < parent.frames.length; at++) parent.frames[at].postMessage(told, "*");
              for (const type of ["close", "unread", "labels"]) {
                parent.postMessage({ frontdesk: { type, count: 7, open: "Owned", close: "Owned" } }, "*");
              }
            }"""
        )
        # What comes after it in the same queues has arrived, so it had its chance.
        visitor.page.evaluate("new Promise((done) => { addEventListener('message', done); postMessage(1, '*'); })")
        visitor.inside.evaluate("new Promise((done) => { addEventListener('message', done); postMessage(1, '*'); })")
        expect(visitor.launcher).to_have_accessible_name("Close the chat")
        expect(visitor.chat.get_by_label("Write a message")).to_have_value("A draft")
        assert visitor.inside.evaluate("document.documentElement.dataset.scheme") == "light"


def test_the_page_gets_one_name_and_loads_nothing_from_anybody_else(
    desk: ChatDesk, site: Site, visitor: Visitor
) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.goto(f"{site.origin}/empty")
    before = set(visitor.page.evaluate("Object.getOwnPropertyNames(window)"))
    visitor.page.goto(site.url())
    visitor.launcher.wait_for()
    assert set(visitor.page.evaluate("Object.getOwnPropertyNames(window)")) - before == {"FrontdeskChat"}
    assert [url for url in asked if url.startswith(desk.origin)] == [f"{desk.origin}/chat/plain/widget.js"]
    visitor.launcher.click()
    visitor.write("Who else is asked?")
    visitor.settled("Who else is asked?")
    assert [url for url in asked if not url.startswith((desk.origin, site.origin))] == []


def test_what_somebody_writes_is_text(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    words = '<img src=x onerror=alert(1)> javascript:alert(1) (https://acme.example/a_(b)). HTTP://x.example/?q="'
    visitor.open(site.url())
    visitor.write(words)
    message = visitor.settled("onerror")
    assert message.locator(".text").inner_text() == words
    assert [link.get_attribute("href") for link in message.get_by_role("link").all()] == [
        "https://acme.example/a_(b)",
        "http://x.example/?q=",
    ]
    assert desk.said("onerror") == [words]


def _pass(frame: str | bytes, seen: list[str], to: WebSocketRoute) -> None:
    seen.append(str(frame))
    to.send(frame)


@pytest.mark.usefixtures("desk")
def test_on_a_phone_the_chat_is_the_whole_screen(site: Site, make_context: MakeContext) -> None:
    phone = make_context(viewport={"width": 390, "height": 700}, is_mobile=True, has_touch=True)
    visitor = Visitor(phone.new_page())
    visitor.page.goto(site.url("site"))
    visitor.launcher.tap()
    visitor.chat.get_by_label("Your message").wait_for()
    box = visitor.page.locator("#frontdesk-chat iframe").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 700}
    expect(visitor.launcher).to_be_hidden()
    expect(visitor.chat.get_by_role("dialog")).to_have_attribute("aria-modal", "true")
    sizes = visitor.inside.evaluate(
        "[...document.querySelectorAll('input,select,textarea')].map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 16, "a phone zooms in on smaller ones"
    assert visitor.inside.evaluate("document.documentElement.scrollWidth") <= 390
    expect(visitor.chat.get_by_role("heading", name="Acme Support")).to_be_focused()  # and no keyboard comes up
    visitor.is_accessible()
    visitor.page.keyboard.press("Shift+Tab")
    expect(visitor.chat.get_by_role("button", name="Start the chat")).to_be_focused()
    visitor.page.keyboard.press("Tab")
    expect(visitor.chat.get_by_role("button", name="Close", exact=True)).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.launcher).to_be_focused()


def test_the_keyboard_is_enough(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.page.goto(site.url())
    visitor.launcher.wait_for()
    visitor.page.keyboard.press("Tab")
    expect(visitor.launcher).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.chat.get_by_label("Write a message")).to_be_focused()
    visitor.page.keyboard.type("No mouse")
    visitor.page.keyboard.press("Shift+Enter")
    visitor.page.keyboard.type("at all")
    visitor.page.keyboard.press("Enter")
    visitor.settled("No mouse")
    expect(visitor.chat.get_by_label("Write a message")).to_have_value("")
    expect(visitor.chat.get_by_role("log")).to_contain_text("at all")
    assert desk.said("No mouse") == ["No mouse\nat all"]
    visitor.chat.get_by_role("button", name="More").press("Enter")
    expect(visitor.chat.get_by_role("button", name="End the chat")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.chat.get_by_role("button", name="More")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.launcher).to_be_focused()


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_can_be_read(site: Site, visitor: Visitor, scheme: str) -> None:
    visitor.open(site.url(scheme=scheme))
    visitor.write("See https://acme.example")
    message = visitor.settled("See https://acme.example")
    assert message.locator(".bubble").evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(245, 179, 1)"
    visitor.is_accessible()


def test_files_are_looked_at_before_they_are_sent(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url())
    picker = visitor.chat.locator("input[type=file]")
    picker.set_input_files(
        [
            FilePayload(name="plan č. 1.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="film.mp4", mimeType="video/mp4", buffer=b"x" * 100_001),
            FilePayload(name="game.exe", mimeType="image/png", buffer=b"MZ" + b"x" * 100),
        ]
    )
    expect(visitor.chat.get_by_text("This file is too large. The most is 100 kB.")).to_be_visible()
    expect(visitor.chat.get_by_text("That is too much at once. The most is 2 files.")).to_be_visible()
    expect(visitor.chat.get_by_role("progressbar")).to_have_count(0)
    visitor.is_accessible()
    for name in ("film.mp4", "game.exe"):
        visitor.chat.get_by_role("button", name=f"Remove {name}").click()
    picker.set_input_files(FilePayload(name="game.exe", mimeType="image/png", buffer=b"MZ" + b"x" * 100))
    expect(visitor.chat.get_by_text("This type of file cannot be sent here.")).to_be_visible()
    visitor.write("The plan")
    message = visitor.settled("The plan")
    picture = message.get_by_role("img", name="plan č. 1.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("(one) => one.naturalWidth") == 1
    [row] = desk.rows("SELECT attachments FROM entries WHERE text = 'The plan'")
    [file] = json.loads(row["attachments"])
    assert (file["filename"], file["content_type"], file["size"]) == ("plan č. 1.png", "image/png", len(PIXEL))


def test_a_refused_message_can_be_deleted_or_sent_again(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url())
    visitor.chat.locator("input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": PIXEL}
    )
    visitor.chat.get_by_role("button", name="Remove a.png").wait_for()
    expect(visitor.chat.get_by_role("progressbar")).to_have_count(0)
    desk.change("UPDATE files SET owner = 'nobody'")  # as if it had been cleaned up in the meantime
    visitor.write("With a file")
    expect(visitor.chat.get_by_text("Not sent. A file is not there any more.")).to_be_visible()
    visitor.is_accessible()
    visitor.chat.get_by_role("button", name="Try again").click()
    expect(visitor.chat.get_by_text("Not sent. A file is not there any more.")).to_be_visible()
    visitor.chat.get_by_role("button", name="Delete").click()
    expect(visitor.chat.locator(".mine")).to_have_count(0)
    assert desk.said("With a file") == []


def test_a_browser_works_out_the_proof_the_desk_asks_for(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url("worked"))
    visitor.write("After some work")
    visitor.settled("After some work")
    assert desk.said("After some work") == ["After some work"]


def test_turnstile_is_asked_where_the_desk_wants_it(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    stub = """let count = 0; window.turnstile = { render(place, { sitekey, callback }) {
      place.textContent = "A person?"; setTimeout(callback, 50, `${sitekey} ${count++}`); } }"""
    visitor.page.route(
        "https://challenges.cloudflare.com/**",
        lambda route: route.fulfill(body=stub, content_type="text/javascript"),
    )
    site.turned[:] = ["0x4AAA 0"]  # it is known already, so another one has to be asked for
    visitor.open(site.url("turned"))
    visitor.chat.get_by_text("A person?").wait_for()
    visitor.chat.get_by_label("Email").fill("ann@example.com")
    visitor.chat.get_by_label("Your message").fill("I am no robot.")
    visitor.chat.get_by_role("button", name="Start the chat").click()
    visitor.settled("I am no robot.")
    visitor.write("And talk on.")
    visitor.settled("And talk on.")
    assert desk.said("I am no robot.") == ["I am no robot.", "And talk on."]
    assert site.turned == ["0x4AAA 0", "0x4AAA 0", "0x4AAA 1"]


def test_typing_is_shown_for_a_while_and_told_sparingly(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    sockets: list[WebSocketRoute] = []
    told: list[str] = []
    heard: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        sockets.append(socket)
        socket.on_message(lambda frame: _pass(frame, told, server))
        server.on_message(lambda frame: _pass(frame, heard, socket))

    visitor.page.clock.install()
    visitor.page.route_web_socket(re.compile("/ws$"), between)
    visitor.open(site.url())
    visitor.until(lambda: any('"welcome"' in frame for frame in heard))
    visitor.chat.get_by_label("Write a message").press_sequentially("Many keys")
    visitor.until(lambda: '{"type":"typing","on":true}' in told)
    assert told.count('{"type":"typing","on":true}') == 1
    visitor.page.clock.fast_forward(6_000)
    visitor.until(lambda: '{"type":"typing","on":false}' in told)

    sockets[0].send('{"type":"typing","on":true,"name":"Sona"}')
    expect(visitor.chat.get_by_text("Sona is typing")).to_be_visible()
    visitor.page.clock.fast_forward(9_000)
    expect(visitor.chat.get_by_text("Sona is typing")).to_be_hidden()
    assert desk.said("Many keys") == []


def test_who_is_logged_in_there_is_known_here_and_nobody_else(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    said = {"sub": "4711", "name": "Ann Known", "email": "ann@example.com", "exp": int(time.time()) + 600}
    token = jwt.encode(said, SITE_SECRET, "HS256")
    visitor.page.goto(site.url("site"))
    visitor.page.evaluate("(token) => { FrontdeskChat.identify(token); FrontdeskChat.department('vip'); }", token)
    visitor.page.evaluate("FrontdeskChat.open()")
    chat = visitor.chat
    chat.get_by_label("I agree").check()
    for asked in ("Name", "Email", "Who would you like"):
        expect(chat.get_by_label(asked)).to_have_count(0)
    chat.get_by_label("Your message").fill("You know me.")
    chat.get_by_role("button", name="Start the chat").click()
    visitor.settled("You know me.")
    ticket = desk.ticket("You know me.")
    assert ticket["department"] == "vip"

    visitor.page.evaluate("FrontdeskChat.identify(null)")  # logged out
    expect(chat.get_by_label("Name")).to_be_visible()
    expect(chat.get_by_text("You know me.")).to_have_count(0)
    visitor.page.evaluate("FrontdeskChat.identify('wrong')")
    expect(chat.get_by_label("Name")).to_be_visible()
    visitor.page.evaluate("(token) => FrontdeskChat.identify(token)", token)
    visitor.settled("You know me.")
    visitor.page.evaluate("FrontdeskChat.close()")
    expect(chat.get_by_role("dialog")).to_be_hidden()


@pytest.mark.usefixtures("desk")
def test_the_desk_gives_the_launcher_its_look(site: Site, make_context: MakeContext) -> None:
    german = Visitor(make_context(locale="de-AT").new_page())
    german.page.goto(site.url())
    expect(german.launcher).to_have_accessible_name("Chatten Sie mit uns")
    look = german.launcher.evaluate(
        "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color, one.getBoundingClientRect().left]"
    )
    assert look == ["rgb(245, 179, 1)", "rgb(0, 0, 0)", 20]
    named = Visitor(make_context().new_page())
    named.page.goto(site.url(label="Ask+a+gardener", position="right"))
    expect(named.launcher).to_have_accessible_name("Ask a gardener")


@pytest.mark.usefixtures("desk")
def test_every_language_fits(site: Site, visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 340, "height": 560})
    for file in sorted(TEXTS.glob("*.json")):
        texts = json.loads(file.read_text("utf-8"))
        visitor.page.goto(site.url("site", lang=file.stem))
        if file.stem == "cs":
            visitor.launcher.click()  # and it stays open from page to page
        expect(visitor.chat.get_by_role("button", name=texts["start"], exact=True)).to_be_visible()
        expect(visitor.launcher).to_have_attribute("aria-label", texts["launcher_close"])
        assert visitor.inside.evaluate("document.documentElement.lang") == file.stem
        too_wide = """[...document.querySelectorAll('.panel *:not(select, .trap, .trap *)')]
          .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth).map((one) => one.outerHTML)"""
        assert visitor.inside.evaluate(too_wide) == []


def test_what_is_new_while_somebody_reads_above_waits_below(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url())
    for number in range(12):
        visitor.write(f"Line {number}\nand more\nand more")
    visitor.settled("Line 11")
    log = visitor.chat.locator(".scroller")
    log.evaluate("(one) => (one.scrollTop = 0)")
    desk.reply("Line 11", "An answer far below")
    jump = visitor.chat.get_by_role("button", name="New messages")
    jump.click()
    expect(visitor.chat.get_by_text("An answer far below")).to_be_in_viewport()
    expect(jump).to_be_hidden()
    places = [int(found) for text in visitor.shown if (found := re.sub(r"\D", "", text))]
    assert all(one < other for one, other in pairwise(places))
