"""What the listener makes of a mail's line ends before it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channels.smtp.connection import BareLineEnd, in_line_feeds
from ingest.mail.identity import identify

LINES = st.lists(
    st.sampled_from([b"", b" folded", b"From: a@b", b"Message-ID: <m@x>", b"\xef\xbb\xbf"]) | st.binary(max_size=20)
)


@given(LINES)
def test_a_mail_has_one_identity_with_either_line_end(lines: list[bytes]) -> None:
    wire = b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for line in lines)
    plain = in_line_feeds(wire)
    assert plain == wire.replace(b"\r\n", b"\n")
    assert identify(plain) == identify(wire)


@pytest.mark.parametrize(
    ("content", "bare"),
    [(b"a\nb\r\n", "<LF>"), (b"a\rb\r\n", "<CR>"), (b"a\r\r\n", "<CR>"), (b"a\n\r\r\n", "<LF>"), (b"a\r", "<CR>")],
)
def test_half_a_line_end_is_named(content: bytes, bare: str) -> None:
    with pytest.raises(BareLineEnd, match=bare):
        in_line_feeds(content)
