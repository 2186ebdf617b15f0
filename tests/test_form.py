"""A posted form, from its bytes: what was put in comes out, and no body costs more than its size."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channel import Unreadable
from ingest.form import fields
from tests.channels.providers import BOUNDARY, multipart, urlencoded

NAMES = ("body-mime", "token", "timestamp")
# A value that holds the boundary on a line of its own cannot be posted; whoever posts picks another one.
values = st.dictionaries(
    st.sampled_from([*NAMES, "subject"]),
    st.binary(max_size=300).filter(lambda value: BOUNDARY not in value),
    min_size=1,
)
each_form = pytest.mark.parametrize("form", [multipart, urlencoded])


@each_form
@given(said=values)
def test_what_was_posted_comes_out_byte_for_byte(
    form: Callable[[Mapping[str, bytes]], bytes], said: dict[str, bytes]
) -> None:
    assert fields(form(said), NAMES) == {name: value for name, value in said.items() if name in NAMES}


@given(st.binary() | st.binary().map(lambda some: b"--xYzZY\r\n" + some))
def test_any_bytes_are_a_form_or_unreadable(raw: bytes) -> None:
    try:
        found = fields(raw, NAMES)
    except Unreadable:
        return
    assert set(found) <= set(NAMES)


@each_form
def test_a_value_that_is_too_long_for_its_purpose_is_left_out(form: Callable[[Mapping[str, bytes]], bytes]) -> None:
    assert fields(form({"token": b"x" * 201, "timestamp": b"1"}), NAMES, longest=200) == {"timestamp": b"1"}


@each_form
def test_the_first_of_two_fields_of_one_name_counts(form: Callable[[Mapping[str, bytes]], bytes]) -> None:
    first, second = form({"token": b"first"}), form({"token": b"second"})
    both = first.removesuffix(b"--%s--\r\n" % BOUNDARY) + second if first.startswith(b"--") else first + b"&" + second
    assert fields(both, NAMES) == {"token": b"first"}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"--\r\n" + b"\r\n--A" * 10_000, "more than 200 fields"),
        (b"--x\r\n\r\n" + b"\r\n--xA" * 10_000, "more than 200 fields"),
        (b"&" * 10_000, "more than 200 fields"),
        (b"--x\r\n" + b"a" * 10_000, "header size"),
        (b"--x\r\n" + b"a:b\r\n" * 10_000, "header count"),
        (b"-" * 10_000, "Boundary length"),
        (multipart({"token": b"x"})[:-6], "before its last boundary"),
    ],
    ids=["no boundary", "almost boundaries", "fields", "a long header", "headers", "a long boundary", "cut off"],
)
def test_what_would_cost_too_much_is_told_before_it_is_done(raw: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        fields(raw, NAMES)
