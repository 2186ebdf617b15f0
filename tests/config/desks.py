"""A small desk file and the kinds it uses, for tests that break it."""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from config.desk import ChannelConfig
from config.load import Kinds, Loaded, load
from config.model import Address, Model, Secret
from config.problems import DeskError, Problem
from router.rules import check_rules

DESK = """\
desk: {name: Acme Support, domain: support.acme.example}
agents:
  - id: sona
    name: Sona
    email: sona@acme.example
  - id: luca
    name: Luca
    email: luca@acme.example
departments:
  - id: general
    name: General
    agents: all
    addresses: [support@acme.example]
  - id: billing
    name: Billing
    agents: [sona]
    addresses: [billing@acme.example]
channels:
  - name: support-mail
    type: smtp
    listen: 127.0.0.1:8025
  - name: bot
    type: telegram
    secret: env:TELEGRAM_SECRET
    department: billing
notifiers:
  email: {from: desk@acme.example}
tags: [vip, invoice]
rules:
  - name: Invoices
    when:
      - {subject: {contains: invoice}}
    then:
      - transfer: billing
      - assign: sona
"""


class Smtp(ChannelConfig):
    """As `type: smtp` has it."""

    type: Literal["smtp"] = "smtp"
    listen: str
    addresses: tuple[Address, ...] = ()
    max_size: int = Field(default=26_214_400, ge=1024)


class Chat(ChannelConfig):
    """As `type: chat` has it."""

    type: Literal["chat"] = "chat"
    origins: tuple[str, ...] = ()


class Telegram(ChannelConfig):
    """As `type: telegram` has it."""

    type: Literal["telegram"] = "telegram"
    secret: Secret


class Email(Model):
    """As `notifiers: email` has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    relay: str | None = None
    sender: Address | None = Field(default=None, alias="from")


class Slack(Model):
    """As `notifiers: slack` has it."""

    token: Secret
    signing_secret: Secret | None = None


CHANNELS: dict[str, type[ChannelConfig]] = {"smtp": Smtp, "chat": Chat, "telegram": Telegram}
NOTIFIERS: dict[str, type[Model]] = {"email": Email, "slack": Slack}
KINDS = Kinds(lambda: tuple(CHANNELS), CHANNELS.__getitem__, lambda: tuple(NOTIFIERS), NOTIFIERS.__getitem__)


def wrote(folder: Path, text: str | bytes, name: str = "desk.yaml") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(folder: Path, text: str = DESK) -> Loaded:
    """Load a desk file with this text."""
    return load(wrote(folder, text), KINDS, (check_rules,))


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """Return what is wrong in a desk file with this text."""
    path = wrote(folder, text)
    try:
        load(path, KINDS, (check_rules,))
    except DeskError as error:
        return error.problems
    return ()


def said(folder: Path, text: str | bytes) -> list[str]:
    """Return what is wrong as a person reads it, without the folder."""
    return [str(problem).replace(f"{folder}/", "") for problem in problems(folder, text)]
