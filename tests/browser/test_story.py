"""What a visitor goes through: asks, waits, is answered, comes back, rates; and nothing is lost or doubled on the way."""

import re
import signal

import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from tests.browser.conftest import MakeContext
from tests.browser.places import ChatDesk, Site, Visitor
from tests.chaos.desk_process import until


def test_a_visitor_picks_a_department_is_answered_and_rates(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url("site"))
    chat = visitor.chat
    expect(chat.get_by_label("Name")).to_be_focused()
    visitor.is_accessible()

    chat.get_by_role("button", name="Start the chat").click()
    expect(chat.get_by_label("Name")).to_be_focused()
    expect(chat.get_by_label("Name")).to_have_accessible_description("Please fill this in.")
    visitor.is_accessible()

    chat.get_by_label("Name").fill("Ann")
    chat.get_by_label("Email").fill("ann@example.com")
    chat.get_by_label("Who would you like").select_option("Billing")
    chat.get_by_label("Order number").fill("4711")
    chat.get_by_label("Topic").select_option("Return")
    chat.get_by_label("I agree").check()
    chat.get_by_label("Your message").fill("My invoice is wrong.")
    chat.get_by_role("button", name="Start the chat").click()
    visitor.settled("My invoice")
    expect(chat.locator(".who")).to_have_text("Somebody will be with you shortly")
    ticket = desk.ticket("My invoice")
    assert ticket["department"] == "billing"

    chat.get_by_role("button", name="Close", exact=True).click()
    expect(visitor.launcher).to_be_focused()
    desk.reply("My invoice", "Which one? See https://acme.example/invoices.")
    expect(visitor.launcher).to_have_accessible_name("Chat with us. Unread messages: 1")
    seen = "SELECT seen FROM conversations WHERE ticket_id = :ticket"
    assert desk.rows(seen, ticket=ticket["id"]) != [{"seen": 2}]
    visitor.launcher.click()
    until(lambda: desk.rows(seen, ticket=ticket["id"]) == [{"seen": 2}], 20, "the mark of what was read")
    link = visitor.settled("Which one?").get_by_role("link")
    assert link.get_attribute("rel") == "noopener noreferrer"
    expect(chat.get_by_text("You are talking to Sona")).to_be_visible()
    visitor.is_accessible()

    chat.get_by_role("button", name="More").click()
    chat.get_by_role("button", name="Email me this conversation").click()
    expect(chat.get_by_text("The conversation is on its way to ann@example.com.")).to_be_visible()
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("button", name="End the chat").click()
    chat.get_by_role("button", name="Not good").click()
    chat.get_by_label("What should we know?").fill("It took a while.")
    visitor.is_accessible()
    chat.get_by_role("button", name="Send rating").click()
    expect(chat.get_by_text("Thank you for your rating.")).to_be_visible()
    rated = "SELECT data FROM events WHERE ticket_id = :ticket AND name = 'ticket.rated'"
    [event] = until(lambda: desk.rows(rated, ticket=ticket["id"]), 20, "the rating")
    assert "It took a while." in str(event)
    assert desk.said("My invoice") == ["My invoice is wrong.", "Which one? See https://acme.example/invoices."]


def test_what_is_written_survives_a_reload_a_lost_network_and_a_dead_desk(
    own_desk: ChatDesk, site: Site, visitor: Visitor
) -> None:
    program = own_desk.process.start()
    visitor.open(site.url())
    visitor.write("One")
    visitor.settled("One")
    visitor.page.reload()
    visitor.settled("One")  # and the chat is open, as it was

    visitor.page.context.set_offline(True)
    visitor.write("Two")
    visitor.page.context.set_offline(False)
    visitor.settled("Two")

    program.signal(signal.SIGKILL)
    visitor.write("Three")
    visitor.write("Four")
    expect(visitor.chat.get_by_text("Waiting for the connection").last).to_be_visible()
    expect(visitor.chat.get_by_text("No connection.")).to_be_visible()
    own_desk.process.start()
    visitor.settled("Three")
    visitor.settled("Four")
    expect(visitor.chat.get_by_text("No connection.")).to_be_hidden()

    visitor.page.reload()
    visitor.settled("Four")
    assert visitor.shown == ["One", "Two", "Three", "Four"]
    assert own_desk.said("One") == ["One", "Two", "Three", "Four"]


def test_what_was_not_sent_before_the_page_was_left_is_sent_when_it_is_back(
    desk: ChatDesk, site: Site, visitor: Visitor
) -> None:
    mute = True

    def between(socket: WebSocketRoute) -> None:
        """Let everything through but what the visitor says, while it is mute."""
        server = socket.connect_to_server()
        socket.on_message(lambda frame: None if mute and '"message"' in str(frame) else server.send(frame))

    visitor.page.route_web_socket(re.compile("/ws$"), between)
    visitor.open(site.url())
    visitor.write("Said into the void")
    expect(visitor.chat.get_by_text("Sending…")).to_be_visible()
    mute = False
    visitor.page.reload()
    visitor.settled("Said into the void")
    assert visitor.shown == desk.said("Said into the void") == ["Said into the void"]


def test_two_tabs_are_one_conversation(desk: ChatDesk, site: Site, make_context: MakeContext) -> None:
    context = make_context()
    one = Visitor(context.new_page()).open(site.url())
    one.write("From the first tab")
    one.settled("From the first tab")
    other = Visitor(context.new_page()).open(site.url())
    other.settled("From the first tab")
    other.write("From the second tab")
    one.page.bring_to_front()  # browsers slow down what is behind
    one.write("At the same moment")
    for tab in (one, other):
        tab.settled("From the second tab")
        tab.settled("At the same moment")
    for tab in (one, other):
        assert tab.shown == desk.said("From the first tab")
        assert sorted(tab.shown) == ["At the same moment", "From the first tab", "From the second tab"]

    for tab in (one, other):
        tab.launcher.click()
    desk.reply("From the first tab", "To both of them")
    for tab in (one, other):
        expect(tab.launcher).to_have_accessible_name(re.compile("Unread messages: 1"))
    one.launcher.click()
    one.settled("To both of them")
    expect(other.launcher).to_have_accessible_name("Chat with us")


def test_where_sockets_do_not_get_through_the_chat_goes_on_without(
    desk: ChatDesk, site: Site, visitor: Visitor
) -> None:
    visitor.page.route_web_socket(re.compile("/ws$"), lambda socket: socket.close())
    visitor.open(site.url())
    visitor.write("Over plain requests")
    visitor.settled("Over plain requests")
    desk.reply("Over plain requests", "As good as any")
    visitor.settled("As good as any")
    assert visitor.shown == desk.said("Over plain requests") == ["Over plain requests", "As good as any"]


def test_where_a_browser_keeps_nothing_the_chat_lasts_as_long_as_the_page(
    desk: ChatDesk, site: Site, strict_browser: Browser, make_context: MakeContext
) -> None:
    visitor = Visitor(make_context(strict_browser).new_page()).open(site.url())
    visitor.write("Leave no trace")
    visitor.settled("Leave no trace")
    visitor.page.context.set_offline(True)
    visitor.write("Not even of this")
    visitor.page.context.set_offline(False)
    visitor.settled("Not even of this")
    assert visitor.shown == desk.said("Leave no trace") == ["Leave no trace", "Not even of this"]


def test_a_hole_in_the_numbers_is_filled(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    def between(socket: WebSocketRoute) -> None:
        """Lose the second line of the conversation on its way."""
        server = socket.connect_to_server()
        socket.on_message(server.send)
        server.on_message(lambda frame: None if '"seq":2,' in str(frame) else socket.send(frame))

    visitor.page.route_web_socket(re.compile("/ws$"), between)
    visitor.open(site.url())
    for words in ("Number one", "Second", "Third"):
        visitor.write(words)
    visitor.settled("Third")
    visitor.settled("Second")
    assert visitor.shown == desk.said("Number one") == ["Number one", "Second", "Third"]


def test_when_the_desk_is_closed_a_message_is_left(desk: ChatDesk, site: Site, visitor: Visitor) -> None:
    visitor.open(site.url("closed", email="ann@example.com", name="Ann"))
    chat = visitor.chat
    expect(chat.get_by_text("We are closed right now. Leave a message")).to_be_visible()
    visitor.is_accessible()
    chat.get_by_label("Your message").fill("Please call me back.")
    chat.get_by_role("button", name="Send message").click()
    expect(chat.get_by_text("We have your message and will answer to ann@example.com.")).to_be_visible()
    visitor.is_accessible()
    assert desk.ticket("Please call me back.")["department"] == "workshop"
    assert desk.said("Please call me back.") == ["Please call me back."]


def test_a_department_that_is_closed_turns_the_form_into_a_message(
    desk: ChatDesk, site: Site, visitor: Visitor
) -> None:
    visitor.open(site.url("site", name="Ann"))
    chat = visitor.chat
    chat.get_by_label("Who would you like").select_option("Workshop (closed right now)")
    expect(chat.get_by_text("Workshop is closed right now.")).to_be_visible()
    chat.get_by_label("I agree").check()
    chat.get_by_label("Your message").fill("The blade is blunt.")
    chat.get_by_role("button", name="Send message").click()
    expect(chat.get_by_label("Email")).to_have_accessible_description("Please fill this in.")
    chat.get_by_label("Email").fill("ann@example.com")
    chat.get_by_role("button", name="Send message").click()
    expect(chat.get_by_text("Thank you!")).to_be_visible()
    assert desk.ticket("The blade is blunt.")["department"] == "workshop"


@pytest.mark.usefixtures("desk")
def test_who_waits_too_long_may_leave_a_message_or_stay(site: Site, visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.open(site.url())
    visitor.write("Is anybody there?")
    visitor.settled("Is anybody there?")
    offer = visitor.chat.get_by_role("button", name="Leave a message")
    expect(offer).to_be_hidden()
    visitor.page.clock.fast_forward(16_000)
    expect(offer).to_be_visible()
    visitor.write("I can wait.")
    visitor.settled("I can wait.")
    offer.click()
    expect(visitor.chat.get_by_label("Your message")).to_have_value("I can wait.")
    visitor.chat.get_by_label("Email").fill("ann@example.com")
    visitor.chat.get_by_role("button", name="Send message").click()
    expect(visitor.chat.get_by_text("will answer to ann@example.com")).to_be_visible()
