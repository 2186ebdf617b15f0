"""What a sender newly wrote, told by mails written in many programs, languages and manners.

Each file in `replies/` holds cases: a line `## name`, then the mail. A line that begins with `+` is newly written, one that
begins with a space is not, an empty line is neither; `‖` ends what is new within a line.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.read import parse_mail
from ingest.mail.reply.written import new_text

_FOLDER = Path(__file__).parent / "replies"


def _cases() -> Iterator[tuple[str, str, list[str]]]:
    """Yield every case: its name, the mail's text, and the new lines that are not empty."""
    for file in sorted(_FOLDER.glob("*.txt")):
        for case in file.read_text("utf-8").split("## ")[1:]:
            name, _, body = case.partition("\n")
            lines, new = [], []
            for line in body.rstrip("\n").split("\n"):
                kept, _, dropped = line[1:].partition("‖")
                lines.append(kept + dropped)
                if line.startswith("+"):
                    new.append(kept)
            yield name, "\n".join(lines), [line.rstrip() for line in new if line.strip()]


def held_back(name: str) -> bool:
    """Tell whether a case belongs to the third that is not looked at while the rules are changed."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0


@pytest.mark.parametrize(("text", "new"), [pytest.param(text, new, id=name) for name, text, new in _cases()])
def test_the_sender_wrote_this_and_no_more(text: str, new: list[str]) -> None:
    assert [line.rstrip() for line in new_text(text).split("\n") if line.strip()] == new


@pytest.mark.parametrize("file", sorted((_FOLDER / "html").glob("*.html")), ids=lambda file: file.stem)
def test_an_answer_that_came_as_html_only_is_told_from_the_older_mail_too(file: Path) -> None:
    expected, _, page = file.read_text("utf-8").partition(" -->\n")
    raw = b"From: kim@y.example\nContent-Type: text/html; charset=utf-8\n\n" + page.encode()
    said = parse_mail(raw).reply_text.split("\n")
    assert " / ".join(line for line in said if line) == expected.removeprefix("<!-- ")


def test_every_case_has_a_name_of_its_own() -> None:
    names = [name for name, _, _ in _cases()]
    assert len(names) == len(set(names)) > 300
    assert 0.25 < sum(map(held_back, names)) / len(names) < 0.42


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", " \n"),
        lambda text: text.replace("\n\n", "\n\n\n"),
        lambda text: f"\n\n{text}\n\n\n",
        lambda text: text.replace("\n> ", "\n>"),
        lambda text: "\n".join(line if line[:1] in ("", ">") else f" {line}" for line in text.split("\n")),
    ],
    ids=[
        "crlf",
        "trailing_blanks",
        "more_empty_lines",
        "empty_lines_around",
        "quotation_marks_without_blank",
        "indented",
    ],
)
def test_white_space_makes_no_difference(laid_out: Callable[[str], str]) -> None:
    for name, text, new in _cases():
        said = ["".join(line.split()) for line in new_text(laid_out(text)).split("\n")]
        assert [line for line in said if line] == ["".join(line.split()) for line in new], name


def test_paragraphs_stay_apart() -> None:
    assert new_text("One.\n\nTwo.\n\nOn 1 Jan 2026, at 10:00, Bob <b@x> wrote:\n> q") == "One.\n\nTwo."


@pytest.mark.parametrize(
    "text",
    ["", " \n\n", "-- \nonly a signature", "Sent from my iPhone", "> only\n> quoted", "On 1 Jan 2026, Bob wrote:"],
)
def test_where_nothing_new_is_found_everything_stays(text: str) -> None:
    assert new_text(text) == text.strip()


_LINES = st.sampled_from(
    ["> q", "words", "", "-- ", "On 1.1.2026 10:00 a@b wrote:", "On Mon, 5 Jan 2026", "From: a <a@b>", "Sent: b", "To: c", "Subject: d",
     "-----Original Message-----", "---------- Forwarded message ---------", "Best regards", "Sent from my iPhone", "___", "```",
     "This email is confidential", "> wrote:", "To", "-Bob", "## reply above this line ##", "a 2026 <b@c>:   old"]
)  # fmt: skip


@given(st.lists(st.one_of(_LINES, st.text(max_size=40))))
def test_the_new_text_is_made_of_the_texts_own_lines(lines: list[str]) -> None:
    text = "\n".join(lines)
    new = new_text(text)
    assert bool(new.strip()) == bool(text.strip())
    left = iter(text.split("\n"))
    assert all(any(line.strip() in own for own in left) for line in new.split("\n"))


@given(st.lists(_LINES))
def test_what_was_newly_written_before_an_older_mail_never_comes_from_it(lines: list[str]) -> None:
    older = "".join(f"> secret {line}\n" for line in lines)
    new = new_text(f"My answer.\n\nOn Tue, Mar 5, 2024 at 10:12 AM Desk <desk@x.example> wrote:\n\n> secret\n{older}")
    assert new == "My answer."


@pytest.mark.parametrize(
    "line",
    [
        ">\n", "> q\nyes\n", "On On On On On\n", "On 1 wrote\n", "-----\n", "From: From: a@b\n", "To\n", "To:\n", "```\n",
        f"{'word ' * 98}1:\n", f"{'On 1 a@b ' * 50}:\n", "On x@y 2020 10:00 z:\n> q\nyes\n", "Sent from my iPhone\n\n",
        "Best regards\n", "On 1 Jan 2026 10:00\n", "-- \n",
    ],
)  # fmt: skip
def test_the_work_grows_with_the_length_and_no_faster(line: str) -> None:
    def cost(times: int) -> float:
        text, costs = "hi\n\n" + line * times, []
        for _ in range(3):
            begun = time.process_time()
            new_text(text)
            costs.append(time.process_time() - begun)
        return min(costs)

    assert cost(2400) < 12 * max(cost(600), 0.0005)


@pytest.mark.parametrize(
    "line", ["x" * 1_000_000, "> " * 500_000, "-" * 1_000_000, "On 1 " * 200_000 + ":", "a@" * 500_000 + ":"]
)
def test_a_line_without_end_is_soon_read(line: str) -> None:
    begun = time.process_time()
    assert new_text(line) == line.strip()
    assert time.process_time() - begun < 1
