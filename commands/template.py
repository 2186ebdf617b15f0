"""`template show`: what a customer would be sent."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Annotated

import typer

from commands.output import AsJson, documents, line, stop
from commands.parts import open_desk, open_store, settings
from config.desk import Department, Desk
from config.problems import nearest, shown
from notify.preview import Shown, of_ticket, preview, sample
from notify.template import ANSWER
from tickets.language import tag_of

cli = typer.Typer(help="Templates: what customers are sent.", no_args_is_help=True)

Of = Annotated[str, typer.Argument(help="the department, by the id of the desk file", metavar="DEPARTMENT")]
Name = Annotated[str, typer.Argument(help="the template: answer, rating, or one for automatic answers", metavar="NAME")]
Language = Annotated[str | None, typer.Option("--language", help="the customer's language: it, pt-BR")]
Ticket = Annotated[
    int | None, typer.Option("--ticket", help="with what stands in this ticket; else with samples", min=1)
]


@cli.callback()
def templates() -> None:
    """Look at templates."""


@cli.command()
def show(
    department: Of, name: Name = ANSWER, *, language: Language = None, ticket: Ticket = None, as_json: AsJson = False
) -> None:
    """Show a mail as it would go out, with its headers."""
    desk = open_desk(settings().desk_file).current()
    found = _department(desk, department)
    wanted = tag_of(language) if language else None
    if language and wanted is None:
        stop(f'"{shown(language)}" is no language; write it, pt-BR or another tag of BCP 47', 2)
    said = sample(desk, found) if ticket is None else _real(desk, found, ticket)
    try:
        raw = preview(desk, found, name, said, wanted)
    except (OSError, ValueError) as error:
        stop(f"The template {shown(name)} of {found.id} cannot be shown: {error}", 1)
    mail = message_from_bytes(raw, policy=policy.default)
    body = mail.get_body(("plain",)) if isinstance(mail, EmailMessage) else None
    text = body.get_content().replace("\r\n", "\n") if body else ""
    headers = {key: str(value) for key, value in mail.items() if not key.startswith("Content-")}
    if as_json:
        documents(
            [
                {
                    "department": found.id,
                    "template": name,
                    "subject": headers["Subject"],
                    "headers": headers,
                    "text": text,
                }
            ]
        )
        return
    line("\n".join(f"{key}: {value}" for key, value in headers.items()) + "\n", "cyan")
    line(text)


def _department(desk: Desk, name: str) -> Department:
    known = desk.departments_by_id
    if name not in known:
        near = nearest(name, known)
        stop(f'No department is called "{shown(name)}"' + (f"; did you mean {near}?" if near else ""), 1)
    return known[name]


def _real(desk: Desk, department: Department, number: int) -> Shown:
    with open_store() as store:
        found = of_ticket(store, desk, department, number)
    if found is None:
        stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
    return found
