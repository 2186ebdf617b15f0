"""HTML of strangers: read as it was seen, shown without anything that runs, loads or looks like ours."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.html.depth import too_deep
from ingest.html.show import safe_html, to_text

searching = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_html_reads_like_what_was_seen() -> None:
    page = (
        "<head><title>no</title><style>no</style></head><p>One &amp; <b>two</b></p><div>three<br>four</div><div><br></div>"
        "<ul><li>a<li>b</ul><pre>x\n  y</pre><table><tr><td>1<td>2<tr><td>3</table><script>no</script>"
        "<img alt=Logo><a href='https://x.example/p'>here</a> <a href=https://y.example>y.example</a> <a href='javascript:no'>js</a>"
        "<blockquote>old<blockquote>older</blockquote></blockquote>end"
    )
    assert to_text(page) == (
        "One & two\n\nthree\nfour\n\n- a\n- b\n\nx\n  y\n\n1 2\n3\n[Logo]here (https://x.example/p) y.example js\n\n"
        "> old\n>\n>> older\n\nend"
    )


def test_a_page_too_deep_is_read_by_the_plain_tokenizer_and_says_the_same() -> None:
    page = "<p>One <b>two</b> &uuml;</p><a href='https://x.example'>link</a><script>no</script><!-- <p>no -->"
    deep = "<div>" * 1500 + page
    assert too_deep(deep)
    assert not too_deep(page)
    assert to_text(deep) == to_text(page)
    assert safe_html(deep).startswith("<pre>One two ü")


@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<span>", "<div><!--</div>-->", '<div "><div "=">', "<div><table></div></table>", "<b><div></b>", "<div title='</div>'>",
        "<font color=a><p>", "<ul><li>", "<table><td>", "<div><script></div></script>", "<div><svg><![CDATA[</div></svg>]]></svg>",
        "<div><select></div></select>", "<span><div></span>", "<span><p></span></p>", "<form><table></form></table></form>", "<td><o:p><font>",
        "<image><span></span></image><i>", '<div><style a="></style></div>"></style>',
    ],
)  # fmt: skip
def test_depth_cannot_be_hidden_from_the_count(piece: str) -> None:
    assert too_deep(piece * 2000)


def test_a_long_newsletter_is_not_too_deep() -> None:
    row = "<tr><td><p>text<br><b>bold</b><img src=x><ul><li>one<li>two</ul></td><td><a href=x>y</a></tr>"
    assert not too_deep(f"<html><body><table>{row * 2000}</table></body></html>")


def test_safe_html_keeps_words_and_links_and_nothing_that_loads_or_runs() -> None:
    safe = safe_html(
        "<b onclick=no>bold</b><img src='https://spy.example/1.gif'><script>no()</script><style>no</style><form action=x><input></form>"
        "<a href='https://ok.example'>a</a><a href='mailto:a@b'>m</a><a href='tel:1'>t</a><a href='JaVaScript:no()'>j</a>"
        "<a href='//evil.example'>e</a><a href='data:text/html,no'>d</a><iframe src=x></iframe><svg onload=no><p style='background:url(x)'>p</p>"
    )
    assert re.findall(r'href="([^"]*)"', safe) == ["https://ok.example", "mailto:a@b", "tel:1"]
    for gone in (
        "spy.example",
        "src=",
        "script",
        "style",
        "form",
        "input",
        "iframe",
        "onload",
        "onclick",
        "no()",
        "url(",
    ):
        assert gone not in safe
    assert "<b>bold</b>" in safe


@searching
@given(
    st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<p>", "<b>", "</b>", "<td>", "<!--", "-->", "<a href='", "'>", "x", "&", "\x1c", "<"]
        )
    )
)
def test_any_html_becomes_text(pieces: list[str]) -> None:
    source = "".join(pieces)
    assert not re.search("[\x1b-\x1f]", to_text(source))
    safe_html(source)


def test_lists_have_their_numbers_and_their_depth() -> None:
    page = "<ul><li>a<ul><li>b</ul><li>c</ul><ol start=3><li><p>three</p></li>\n<li>\n<div>four</div><ol><li>inner</ol></ol>"
    assert to_text(page).split("\n") == ["- a", "  - b", "- c", "3. three", "", "4. four", "  1. inner"]


def test_words_lists_of_paragraphs_are_lists() -> None:
    page = "<p class=MsoListParagraph><![if !supportLists]><span>·<span>&nbsp;&nbsp; </span></span><![endif]>Item<o:p></o:p></p>"
    assert to_text(page) == "- Item"


@pytest.mark.parametrize(
    "way", ["style='display: none'", "style='mso-hide:all'", "style='visibility:hidden'", "hidden"]
)
def test_what_nobody_sees_is_not_read_unless_there_is_nothing_else(way: str) -> None:
    assert to_text(f"<div {way}>preview</div><p>seen</p>") == "seen"
    assert to_text(f"<div {way}>all there is</div>") == "all there is"


def test_marks_that_only_break_words_are_not_read() -> None:
    assert (
        to_text("<p>soft&shy;hyphen zero&#8203;width</p><p>&zwnj;&nbsp;&zwnj;&nbsp;</p>👩\u200d🚒")
        == "softhyphen zerowidth\n\n👩\u200d🚒"
    )


def test_pictures_of_the_mail_are_shown_and_no_other_is_loaded() -> None:
    page = (
        "<img src='cid:a%40b' alt=ours><img src=cid:other alt=lost><img src=https://spy.example/1.gif alt=Logo><img src=//spy.example>"
        "<img src='data:image/png;base64,AAAA'><img src='data:image/svg+xml;base64,AAAA'><img srcset='https://spy.example 2x'>"
        "<a href=cid:a@b>x</a><a href='data:text/html,x'>y</a>"
    )
    safe = safe_html(page, {"a@b": "/files/1"})
    assert re.findall(r'(?:src|href)="([^"]*)"', safe) == ["/files/1", "data:image/png;base64,AAAA"]
    assert re.findall(r'alt="([^"]*)"', safe) == ["ours", "lost", "Logo"]
    assert "spy.example" not in safe
