"""Conditions about a message: the way it came, and what it says."""

from typing import get_args

import ingest.channel
from router.conditions.condition import Of, View, condition
from router.conditions.kinds import NAME, NAMES, TEXT
from router.event import Values
from tickets.message import Kind


@condition(NAME, lambda desk: sorted({*ingest.channel.words(), *(channel.type for channel in desk.channels)}))
def channel_type(view: View) -> str:
    """Type of the channel: smtp, chat, telegram."""
    return view.event.channel_type


@condition(NAME, lambda desk: tuple(desk.channels_by_name))
def channel(view: View) -> str:
    """Name of the channel."""
    return view.event.channel


@condition(TEXT)
def account(view: View) -> str:
    """Account of the channel that the message came to: a page, a number, a workspace."""
    return view.event.message.account if view.event.message else ""


@condition(TEXT)
def to(view: View) -> Values:
    """Addresses the message was sent to: of the envelope and of its To."""
    event = view.event
    return tuple(dict.fromkeys((*event.recipients, *event.message.to))) if event.message else ()


@condition(TEXT)
def cc(view: View) -> Values:
    """Addresses of its Cc."""
    return view.event.message.cc if view.event.message else ()


@condition(TEXT)
def reply_to(view: View) -> Values:
    """Addresses of its Reply-To."""
    return view.event.message.reply_to if view.event.message else ()


@condition(TEXT)
def subject(view: View) -> str:
    """Subject of the message, else of the ticket."""
    return view.event.message.subject if view.event.message else view.event.ticket.subject


@condition(TEXT)
def body(view: View) -> str:
    """Whole text of the message, with what it quotes; of an answer or a note its words."""
    return view.event.message.text if view.event.message else view.event.text


@condition(TEXT)
def reply_text(view: View) -> str:
    """Text that was newly written, without what it quotes."""
    return view.event.message.reply_text if view.event.message else view.event.text


@condition(TEXT, of=Of("header", needed=True), asks=True)
def header(view: View) -> Values | None:
    """Values of a header of the mail; none of what is no mail."""
    return view.event.lookups.header(view.of) if view.event.message else ()


@condition(NAME, lambda _desk: get_args(Kind))
def kind(view: View) -> str:
    """Kind of the message: message, auto_reply, bounce, list …."""
    return view.event.message.kind if view.event.message else ""


ACTORS = ("customer", "business", "agent", "rule", "desk")


@condition(
    NAMES,
    lambda desk: (
        *ACTORS,
        *(f"agent:{agent.id}" for agent in desk.agents),
        *(f"rule:{rule.name}" for rule in desk.rules),
    ),
)
def actor(view: View) -> Values:
    """Who did it: customer, agent, rule, desk …, and which: agent:sona."""
    return tuple(dict.fromkeys(name for actor in view.event.actors for name in (actor.partition(":")[0], actor)))
