"""Conditions about a message: the way it came, and what it says."""

from typing import get_args

import ingest.channel
from router.conditions.condition import View, condition
from router.event import Values
from tickets.message import Kind


@condition(lambda desk: sorted({*ingest.channel.words(), *(channel.type for channel in desk.channels)}))
def channel_type(view: View) -> str:
    """Type of the channel: smtp, chat, telegram."""
    return view.event.channel_type


@condition(lambda desk: tuple(desk.channels_by_name))
def channel(view: View) -> str:
    """Name of the channel."""
    return view.event.channel


@condition()
def to(view: View) -> Values:
    """Addresses the message was sent to: of the envelope and of its To."""
    event = view.event
    return tuple(dict.fromkeys((*event.recipients, *event.message.to))) if event.message else ()


@condition()
def cc(view: View) -> Values:
    """Addresses of its Cc."""
    return view.event.message.cc if view.event.message else ()


@condition()
def subject(view: View) -> str:
    """Subject of the message, else of the ticket."""
    return view.event.message.subject if view.event.message else view.event.ticket.subject


@condition()
def body(view: View) -> str:
    """Whole text of the message, with what it quotes; of an answer or a note its words."""
    return view.event.message.text if view.event.message else view.event.text


@condition(lambda _desk: get_args(Kind))
def kind(view: View) -> str:
    """Kind of the message: message, auto_reply, bounce, list …."""
    return view.event.message.kind if view.event.message else ""
