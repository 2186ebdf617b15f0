"""The commands of a reply: what is done, what is said, and what refuses the whole mail."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.mail_text import COMMANDS
from router.answer import LONGEST
from router.by_mail.commands import MOST_COMMANDS, VERBS, Asked, Refused, asked, help_text
from router.moment import moment


def words(found: Asked) -> list[str]:
    return [word for word, _ in found.acts]


@pytest.mark.parametrize(
    ("text", "commands", "said", "says"),
    [
        ("It is on its way.", [], "It is on its way.", None),
        ("#take", ["take"], "", None),
        ("#TAKE", ["take"], "", None),
        ("  #Take  \n\n", ["take"], "", None),
        ("#take\nIt is on its way.", ["take"], "It is on its way.", None),
        ("#take\n\n#tag vip\n\n\nHello\n\nBye", ["take", "tag"], "Hello\n\nBye", None),
        ("#note\nAsk Ann again.", [], "Ask Ann again.", "note"),
        ("#reply\nHello", [], "Hello", "answer"),
        ("#resolve\n#note\nShe called.", ["resolve"], "She called.", "note"),
        ("#assign\tluca", ["assign"], "", None),
        ("#assign\u00a0luca", None, "", None),
        ("#postpone 2026-12-24T09:00", ["postpone"], "", None),
        ("#untag vip, late", ["untag"], "", None),
        ("#close\r\nDone.\r", ["close"], "Done.", None),
        ("#1 is the battery, #2 the fuse", [], "#1 is the battery, #2 the fuse", None),
        ("# Summary\nAll is well", [], "# Summary\nAll is well", None),
        ("## What we did", [], "## What we did", None),
        ("#\nHello", [], "#\nHello", None),
        ("#####\nHello", [], "#####\nHello", None),
        ("#!/bin/sh", [], "#!/bin/sh", None),
        ("Hello #take", [], "Hello #take", None),
        ("Hello\nwe #close at six", [], "Hello\nwe #close at six", None),
        ("Hello\n#priority one for us is speed", [], "Hello\n#priority one for us is speed", None),
        ("---\nHello", [], "---\nHello", None),
        ("***\n#take\n---\nHello", ["take"], "---\nHello", None),
        ("issue #take", [], "issue #take", None),
    ],
)
def test_a_reply_is_taken_apart(text: str, commands: list[str] | None, said: str, says: str | None) -> None:
    if commands is None:
        with pytest.raises(Refused):
            asked(text)
        return
    found = asked(text)
    assert (words(found), found.text, found.says) == (commands, said, says)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#asign bob\nInternal: she is difficult", "did you mean #assign?"),
        ("#tak", "did you mean #take?"),
        ("#whatever", '"#whatever" is no command'),
        ("#take\n#clsoe\nHello", "did you mean #close?"),
        ("#\u0441lose", "did you mean #close?"),  # a Cyrillic letter
        ("#clos\u0435", "did you mean #close?"),
        ("\uff03close", "did you mean #close?"),  # a full-width sign
        ("\ufe5fclose", "did you mean #close?"),  # a small one
        ("\u266fclose", "did you mean #close?"),  # a musical one
        ("#\uff43\uff4c\uff4f\uff53\uff45", "did you mean #close?"),
        ("\u200b#close", "did you mean #close?"),  # invisible in front
        ("\ufeff#close", "did you mean #close?"),
        ("\u2060\u200d#close", "did you mean #close?"),
        ("\u202e#close", "did you mean #close?"),  # right to left
        ("#\u200bclose", "did you mean #close?"),
        ("#cl\u00adose", "did you mean #close?"),  # a soft hyphen
        ("\u3164#close", "did you mean #close?"),  # a letter that is not seen
        ("\u2800#close", "did you mean #close?"),
        ("\u0301#close", "did you mean #close?"),
        ("#c\u0301lose", "did you mean #close?"),
        ("*#close*", "did you mean #close?"),  # bold, from HTML
        ("- #close", "did you mean #close?"),
        ("> #close", "did you mean #close?"),
        ("\u201c#close\u201d", "did you mean #close?"),
        ("\u2022\u00a0#close", "did you mean #close?"),
        ("\u200b\n#asign bob", "did you mean #assign?"),
        ("---\n#asign bob", "did you mean #assign?"),
        ("\x01#close", "did you mean #close?"),
        ("##close", "did you mean #close?"),
        ("# close", "did you mean #close?"),
        ("# Note:", "did you mean #note?"),
        ("#close.", "did you mean #close?"),
        ("#note: she is difficult", "did you mean #note?"),
        ("#take,#close", "is no command"),
        ("#take #close", "stands alone on its line"),
        ("#take me", "stands alone on its line"),
        ("#note she is difficult", "stands alone on its line"),
        ("#reply\u2028#asign bob", "is no command"),
        ("#assign", "#assign needs to say what: #assign AGENT"),
        ("#tag   ", "#tag needs to say what: #tag TAG, TAG"),
        ("#postpone", "#postpone needs to say what"),
        ("#note", "Below #note no text follows"),
        ("#reply\n\n", "Below #reply no text follows"),
        ("#note\n#reply\nHello", "contradict each other"),
        ("Hello\n#note\nshe is difficult", '"#note" stands below other text'),
        ("Thanks!\n\n#resolve", '"#resolve" stands below other text'),
        ("Thanks!\n  #assign luca  ", "stands below other text"),
        ("#take\nThanks!\n#tag a, b", "stands below other text"),
        ("", "No new text and no command"),
        (" \n\t\n", "No new text and no command"),
        ("-- reply above this line -- #17", "could not be told from the notice"),
        ("#close\nYou get this mail because: the ticket is yours", "could not be told from the notice"),
        ("Yes\n> See the whole ticket: frontdesk ticket 17", "could not be told from the notice"),
        ("Am 1.1. schrieb <reply+a.17.abcdefghijklmnop@x>", "could not be told from the notice"),
        ("x" * (LONGEST + 1), "at most"),
        ("#take\n" * (MOST_COMMANDS + 1), "at most"),
    ],
)  # fmt: skip
def test_the_whole_mail_is_refused_with_words(text: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        asked(text)
    assert why in str(refused.value)
    assert str(refused.value).isprintable()


_SIGNS = st.sampled_from(["#", "\uff03", "\u200b#", "*#", "# ", "##", "\u266f", "\ufeff#", " #"])
_WORDS = st.one_of(
    st.sampled_from([*VERBS, "asign", "\u0441lose", "tak\u0435"]), st.text("abcdez\u0430\u0435\u0441", min_size=1)
)
_LINES = st.one_of(st.builds("{}{}{}".format, _SIGNS, _WORDS, st.sampled_from(["", " luca", ":", " a b c"])), st.text())


@given(st.one_of(st.text(), st.lists(_LINES).map("\n".join)))
def test_any_text_is_taken_apart_or_refused_and_nothing_at_the_top_that_looks_like_a_command_is_said(text: str) -> None:
    try:
        found = asked(text)
    except Refused:
        return
    assert found.acts or found.text
    first = (found.text.splitlines() or [""])[0].strip()
    assert not (first[:1] == "#" and first[1:2].isalpha())
    assert not any(line.strip().lower() in {f"#{word}" for word in VERBS} for line in found.text.split("\n"))


@given(_SIGNS, st.text("abcdefghijklmnopqrstuvwxyz\u0430\u0435\u0441", min_size=1).filter(lambda one: one not in VERBS))
def test_an_unknown_word_at_the_top_never_reaches_the_customer(sign: str, word: str) -> None:
    if sign == "# ":
        return
    with pytest.raises(Refused):
        asked(f"{sign}{word}\nDear Ann,\nall is well.")


@given(st.sampled_from(sorted(VERBS)), st.data())
def test_the_case_of_a_command_does_not_matter(word: str, data: st.DataObject) -> None:
    written = "".join(data.draw(st.sampled_from([sign, sign.upper()])) for sign in word)
    verb = VERBS[word]
    found = asked(f"#{written}{' x' if verb.argument else ''}\nHello")
    assert (words(found), found.says) == ([word] if verb.act else [], verb.says)


def test_a_hostile_text_costs_little() -> None:
    for hostile in ("\u200b" * 99_000 + "#close", "#" * 99_000 + "close", "#tag " + "\u0301" * 99_000, "*" * 99_000):
        with pytest.raises(Refused):
            asked(f"{hostile}\n#asign")
    assert asked("# " * 49_000 + "x").text


def test_the_help_names_every_command() -> None:
    assert [line.split()[0] for line in help_text().splitlines()] == [f"#{word}" for word in VERBS]


@pytest.mark.parametrize(
    ("said", "zone", "at"),
    [
        ("2h", "UTC", 1_000 + 7_200),
        ("3d", "Europe/Rome", 1_000 + 259_200),
        ("1970-01-02T00:00", "Europe/Rome", 82_800),
        ("1970-01-02", "UTC", 86_400),
        ("1970-01-02T00:00+02:00", "Europe/Rome", 79_200),
        ("1970-01-02T00:00Z", "Europe/Rome", 86_400),
        ("soon", "UTC", None),
        ("99999999999d", "UTC", None),
        ("0001-01-01", "Pacific/Auckland", None),
        ("", "UTC", None),
    ],
)
def test_a_moment_is_on_the_clock_of_whoever_writes_it(said: str, zone: str, at: float | None) -> None:
    assert moment(said, zone, 1_000) == at


@given(st.text(), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]))
def test_any_moment_is_one_or_none(said: str, zone: str) -> None:
    assert moment(said, zone, 0) is None or isinstance(moment(said, zone, 0), float)


def test_the_commands_that_a_notice_names_are_there() -> None:
    named = re.findall(r"#([a-z]+)", COMMANDS)
    assert len(named) > 3
    assert set(named) <= set(VERBS)
