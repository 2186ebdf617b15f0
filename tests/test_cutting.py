"""Cutting long answers: the laws every cut keeps, and the places a person would choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cutting import Unit, pieces, weighed

UNITS: tuple[Unit, ...] = ("characters", "bytes", "utf16")
# Enough blanks, marks and wide signs that cuts fall between all of them.
texts = st.text(
    st.sampled_from("aé€😀 \n.!?。)\u0301\u200d\ufe0f🏽") | st.characters(exclude_categories=["Cs"]), max_size=400
)


def length(text: str, unit: Unit) -> int:
    return {"characters": len(text), "bytes": len(text.encode()), "utf16": len(text.encode("utf-16-le")) // 2}[unit]


def unspaced(text: str) -> str:
    return "".join(text.split())


@given(text=texts, limit=st.integers(4, 60), unit=st.sampled_from(UNITS))
def test_every_piece_fits_and_nothing_is_lost_but_blanks(text: str, limit: int, unit: Unit) -> None:
    found = pieces(text, limit, unit)
    assert all(length(piece, unit) <= limit for piece in found)
    assert all(piece == piece.strip() != "" for piece in found)
    assert unspaced("".join(found)) == unspaced(text)


@given(text=texts, unit=st.sampled_from(UNITS))
def test_what_fits_stays_in_one_piece(text: str, unit: Unit) -> None:
    assert pieces(text, max(4, length(text, unit)), unit) == ([text.strip()] if text.strip() else [])


@given(words=st.lists(st.text("abcé😀", min_size=1, max_size=4), min_size=1), unit=st.sampled_from(UNITS))
def test_no_word_that_fits_is_parted(words: list[str], unit: Unit) -> None:
    assert " ".join(pieces(" ".join(words), 16, unit)).split() == words


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("One two.\n\nThree four. Five", 22, ["One two.\n\nThree four.", "Five"]),
        ("One two three.\n\nFour. Five", 22, ["One two three.", "Four. Five"]),
        ("One two three\nfour. Five six", 22, ["One two three", "four. Five six"]),
        ("He said: “Go!” Then he went away", 20, ["He said: “Go!”", "Then he went away"]),
        ("One two three four five", 10, ["One two", "three four", "five"]),
        ("https://acme.example/a/long/one", 16, ["https://acme.exa", "mple/a/long/one"]),
        ("我们收到了。明天会回复您。谢谢", 10, ["我们收到了。", "明天会回复您。谢谢"]),
        ("exactly ten and more", 11, ["exactly ten", "and more"]),
        ("aaaae\u0301\u0301aa", 6, ["aaaa", "e\u0301\u0301aa"]),
        ("aaaa👩🏽\u200d🚀", 6, ["aaaa", "👩🏽\u200d🚀"]),
        (" \n ", 10, []),
    ],
)
def test_a_cut_falls_where_a_person_would_make_it(text: str, limit: int, found: list[str]) -> None:
    assert pieces(text, limit) == found


def test_a_letter_with_more_accents_than_fit_is_cut_all_the_same() -> None:
    assert pieces("e" + "\u0301" * 9, 5) == ["e" + "\u0301" * 4, "\u0301" * 5]


def test_a_very_long_text_takes_no_longer_than_its_length() -> None:
    text = ("a " + "x" * 4095 + " ") * 500
    assert len(pieces(text, 4096, "utf16")) == 1000
    assert len(pieces(". " * 1_000_000, 4096)) == pytest.approx(489, abs=2)


@given(text=texts, limit=st.integers(20, 60))
def test_every_piece_passes_the_scales_of_a_platform(text: str, limit: int) -> None:
    def weigh(piece: str) -> int:
        return sum(1 + 4 * (sign in "&<>é") for sign in piece)

    found = list(weighed(text, limit, weigh))
    assert all(weigh(piece) <= limit for piece in found)
    assert unspaced("".join(found)) == unspaced(text)
    assert found == list(weighed(text, limit, weigh))
