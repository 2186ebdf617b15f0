"""HTML of strangers: turned into text to read, or cleaned to show. Never longer than linear, whatever they nest.

Both engines (Lexbor, and html5ever under nh3) take time that grows with the square of the nesting: 390 s were measured for
a 1 MB mail. So the depth is counted first, and what is too deep goes through a plain tokenizer instead.
"""

import html
import re
from collections.abc import Iterator

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.html.depth import TOKEN, too_deep
from ingest.html.text import Writer

_ATTRIBUTE = re.compile(r"(href|alt)\s*+=\s*+(?:\"([^\"]*+)\"?|'([^']*+)'?|([^\s>]++))", re.IGNORECASE)


def to_text(source: str) -> str:
    """Return what a person would read: blocks on their own lines, links and pictures in words, quotes behind `>`.

    Scripts and styles are left out. Never raises.
    """
    writer = Writer()
    if too_deep(source):
        _write_tokens(source, writer)
    else:
        _write_tree(LexborHTMLParser(source).root, writer)
    return writer.text()


def _write_tree(root: LexborNode | None, writer: Writer) -> None:
    """Walk without recursion: in order, with a note on the stack for each element that must be closed."""
    stack: list[LexborNode | str] = [root] if root is not None else []
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            writer.close(node)
            continue
        if (following := node.next) is not None and node is not root:
            stack.append(following)
        tag = node.tag or ""
        if tag == "-text":
            writer.write(node.text_content or "")
        elif not tag.startswith("-") and writer.open(tag, node.attributes if tag in ("a", "img") else {}):
            stack.append(tag)
            if (child := node.first_child) is not None:
                stack.append(child)


def _write_tokens(source: str, writer: Writer) -> None:
    for kind, value, attributes in _tokens(source):
        if kind == "text":
            writer.write(html.unescape(value))
        elif kind == "open":
            writer.open(value, attributes)
        else:
            writer.close(value)


def _tokens(source: str) -> Iterator[tuple[str, str, dict[str, str | None]]]:
    at = 0
    for match in TOKEN.finditer(source):
        if match.start() > at:
            yield "text", source[at : match.start()], {}
        at = match.end()
        tag = (match[3] or "").lower()
        if not tag:
            continue
        if match[2]:
            yield "close", tag, {}
        else:
            found = _ATTRIBUTE.finditer(match[4]) if tag in ("a", "img") else ()
            yield "open", tag, {a[1].lower(): html.unescape(a[2] or a[3] or a[4] or "") for a in found}
    if at < len(source):
        yield "text", source[at:], {}


_TAGS = frozenset(nh3.ALLOWED_TAGS) - {"img", "map", "area"}
_SCHEMES = {"http", "https", "mailto", "tel"}


def safe_html(source: str) -> str:
    """Return the HTML with nothing in it that runs, loads or looks like ours; never raises.

    Left: text, structure and links to http, https, mailto and tel. Gone: scripts, styles, forms, and every image, for a
    remote one tells its sender who reads. What nests too deep is returned as plain text between `<pre>` tags.
    """
    if too_deep(source):
        return f"<pre>{html.escape(to_text(source))}</pre>"
    return nh3.clean(
        source,
        tags=set(_TAGS),
        url_schemes=_SCHEMES,
        url_relative="deny",
        attributes={
            "a": {"href", "title"},
            "ol": {"start"},
            "td": {"colspan", "rowspan"},
            "th": {"colspan", "rowspan"},
        },
        clean_content_tags={"script", "style", "title", "noscript"},
        link_rel="noopener noreferrer nofollow",
    )
