"""The commands on the first lines of an agent's reply, taken apart: a pure function of the text, or the words why it is refused.

A line is recognised as the attempt at a command far more readily than it is accepted as one: whatever looks like a command and
is none refuses the whole mail, for the customer would get it to read.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from config.problems import nearest, shown
from ingest.mail.reply.words import REPLY_ABOVE
from router import hand as hands
from router.answer import LONGEST
from router.hand import CannotActError, Done, Hand
from router.moment import moment
from router.opened import Acted, Opened
from router.state import State
from tickets.reply import ABOVE

MOST_COMMANDS: Final = 20

Says = Literal["answer", "note"]
Act = Callable[[Opened], Acted]


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: what follows the word on its line, "" for nothing; what it does, for people; and the act, of its argument.

    Without an act it says what the text below is.
    """

    argument: str
    words: str
    act: Callable[[str], Act] | None = None
    says: Says | None = None


class Refused(Exception):  # noqa: N818  # a word of the domain: nothing is wrong here
    """The mail was not done, and nothing was changed; the message tells the agent why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply asks for: the acts in their order, each with its word, and the text with what it is, where it says so."""

    acts: tuple[tuple[str, Act], ...] = ()
    text: str = ""
    says: Says | None = None

    @property
    def gives(self) -> bool:
        """Whether it says itself who is to have the ticket."""
        return any(word in _GIVES for word, _ in self.acts)


def _hand(act: hands.Act) -> Act:
    return lambda ticket: ticket.do(act)


def _status(to: str) -> Callable[[str], Act]:
    return lambda _: _hand(partial(hands.status, to=to))


def _postponed(said: str) -> Act:
    def act(ticket: State, hand: Hand) -> Done:
        until = moment(said, hand.agent.timezone, hand.now)
        if until is None:
            raise CannotActError(f'"{shown(said)}" is no moment; write 2h, 3d or 2026-12-24T09:00')
        return hands.postpone(ticket, hand, until)

    return _hand(act)


def _tags(said: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tag in re.split(r"[,\s]+", said.lower()) if tag))


VERBS: Final = {
    "take": Verb("", "take the ticket, when nobody has it", lambda _: _hand(hands.take)),
    "assign": Verb(
        "AGENT",
        "give it to an agent of its department, or back to it: nobody",
        lambda said: _hand(partial(hands.assign, agent=said.lower())),
    ),
    "transfer": Verb(
        "DEPARTMENT",
        "give it to another department",
        lambda said: _hand(partial(hands.transfer, department=said.lower())),
    ),
    "resolve": Verb("", "the customer has what they wanted", _status("resolved")),
    "close": Verb("", "nothing more is to be done", _status("closed")),
    "reopen": Verb("", "open it again", _status("open")),
    "answered": Verb("", "it was answered elsewhere, on the phone for one", _status("answered")),
    "spam": Verb("", "it is spam", _status("spam")),
    "postpone": Verb("2h, 3d or 2026-12-24T09:00", "put it off until then, on your clock", _postponed),
    "priority": Verb(
        "low, normal, high or urgent",
        "set its priority",
        lambda said: _hand(partial(hands.priority, to=said.lower())),
    ),
    "tag": Verb("TAG, TAG", "add tags", lambda said: _hand(partial(hands.tag, added=_tags(said), removed=()))),
    "untag": Verb("TAG, TAG", "take tags off", lambda said: _hand(partial(hands.tag, added=(), removed=_tags(said)))),
    "follow": Verb("", "hear of it though it is not yours", lambda _: Opened.follow),
    "unfollow": Verb("", "follow it no longer", lambda _: Opened.unfollow),
    "note": Verb("", "the text below is a note for colleagues, the customer never sees it", says="note"),
    "reply": Verb("", "the text below is an answer to the customer", says="answer"),
}  # fmt: skip
"""Every command, by its word. The text is said first, then they are done in their order."""

_GIVES: Final = frozenset({"take", "assign", "transfer", "spam"})
_COMMAND = re.compile(r"#([A-Za-z]+)(?:[ \t]+(\S.*))?", re.ASCII)
_NOTICE = re.compile(
    rf"reply\+[a-z]\.[0-9]|you get this mail because|see the whole ticket:|{'|'.join(map(re.escape, (ABOVE, *REPLY_ABOVE)))}",
    re.IGNORECASE,
)
# What begins a line without being seen, though it is a letter or a sign, and what could be taken for a #.
_UNSEEN = dict.fromkeys((0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x2800, 0x3164, 0xFFA0), " ")
_SIGNS = _UNSEEN | dict.fromkeys((0x2317, 0x22D5, 0x266F, 0x29E3, 0x2A69), "#")
_MARKUP = " \t*_~`"
_DECORATION = (
    _MARKUP
    + "'\"|>(){}[]<=+.,:;!-\u2010\u2011\u2012\u2013\u2014\u2022\u00b7\u25cf\u25aa\u25e6\u2023\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u2039\u203a/\\"
)


def asked(text: str) -> Asked:
    """Return what a reply asks for; `text` is what the agent newly wrote. Raises `Refused`. Linear in the text.

    Commands stand on the first lines, one on each. A word behind a # is one, a number or a blank behind it is not: "#1 is the
    battery" and "# Summary" are text.
    """
    if len(text) > LONGEST:
        raise Refused(f"A reply has at most {LONGEST} characters")
    if _NOTICE.search(text):
        raise Refused(
            "What you wrote could not be told from the notice that is quoted in the mail. Write above it, and delete it"
        )
    lines = text.split("\n")
    acts: list[tuple[str, Act]] = []
    says: list[Says] = []
    text_begins, count = 0, 0
    for at, line in enumerate(lines):
        if not _seen(line).strip(_DECORATION):
            continue
        found = _command(line.strip())
        if found is None:
            break
        text_begins = at + 1
        count += 1
        if count > MOST_COMMANDS:
            raise Refused(f"A mail has at most {MOST_COMMANDS} commands")
        word, verb, argument = found
        if verb.says is not None:
            says.append(verb.says)
        if verb.act is not None:
            acts.append((word, verb.act(argument)))
    return _whole(acts, says, lines[text_begins:])


def _whole(acts: list[tuple[str, Act]], says: list[Says], rest: list[str]) -> Asked:
    late = next((line.strip() for line in rest if _is_command(line.strip())), None)
    if late is not None:
        raise Refused(f'"{shown(late)}" stands below other text. Commands stand on the first lines of the mail')
    said = "\n".join(rest).strip()
    if len(set(says)) > 1:
        raise Refused("#note and #reply contradict each other. Write two mails, or one of them")
    if says and not said:
        raise Refused(f"Below #{'note' if says[0] == 'note' else 'reply'} no text follows")
    if not acts and not said:
        raise Refused("No new text and no command was found in the mail. Write above the quoted notice")
    return Asked(tuple(acts), said, says[0] if says else None)


def _command(line: str) -> tuple[str, Verb, str] | None:
    """Return the command a line is, or nothing when it is text; raises `Refused` when it looks like one and is none."""
    word = _meant(line)
    if word is None:
        return None
    exact = _COMMAND.fullmatch(line)
    verb = VERBS.get(exact[1].lower()) if exact else None
    if exact is None or verb is None:
        near = nearest(word, VERBS)
        hint = f"; did you mean #{near}?" if near else "."
        raise Refused(f'"{shown(line)}" is no command{hint} A text that begins with a # needs another first line')
    argument = (exact[2] or "").strip()
    if bool(argument) != bool(verb.argument):
        raise Refused(
            f"#{exact[1].lower()} needs to say what: #{exact[1].lower()} {verb.argument}"
            if verb.argument
            else f'#{exact[1].lower()} stands alone on its line, without "{shown(argument)}"'
        )
    return exact[1].lower(), verb, argument


def _meant(line: str) -> str | None:
    """Return the word a line may be meant to command, as it looks to a person; nothing when it is text."""
    seen = _seen(line).lstrip(_DECORATION)
    if not seen.startswith("#"):
        return None
    body = seen.lstrip("#")
    apart = body[:1].isspace()
    word = (body.lstrip(_MARKUP).split(maxsplit=1) or [""])[0].casefold()
    if not word[:1].isalpha():
        return None
    return word if not apart or re.sub(r"\W+$", "", word) in VERBS else None


def _seen(line: str) -> str:
    """Return a line as it looks: compatibility forms folded (Unicode NFKC), without marks and what is invisible."""
    if line.isascii() and line.isprintable():
        return line
    plain = unicodedata.normalize("NFKC", line.translate(_SIGNS))
    return "".join(sign for sign in plain if unicodedata.category(sign)[0] not in "CM")


def _is_command(line: str) -> bool:
    """Tell whether a line is exactly a command, and no sentence that begins with one."""
    found = _COMMAND.fullmatch(line)
    verb = VERBS.get(found[1].lower()) if found else None
    return found is not None and verb is not None and len((found[2] or "").split()) <= (2 if verb.argument else 0)


def help_text() -> str:
    """Return the commands for people, one on each line."""
    forms = {f"#{word} {verb.argument}".strip(): verb.words for word, verb in VERBS.items()}
    width = max(map(len, forms))
    return "\n".join(f"{form.ljust(width)}  {words}" for form, words in forms.items())
