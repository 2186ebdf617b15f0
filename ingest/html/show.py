"""HTML of strangers: turned into text to read, or cleaned to show. Never longer than linear, whatever they nest.

Both engines (Lexbor, and html5ever under nh3) take time that grows with the square of the nesting: 390 s were measured for
a 1 MB mail. So the depth is counted first, and what is too deep goes through a plain tokenizer instead.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.html.depth import TOKEN, too_deep
from ingest.html.text import Writer

_ATTRIBUTE = re.compile(r"(href|alt|start)\s*+=\s*+(?:\"([^\"]*+)\"?|'([^']*+)'?|([^\s>]++))", re.IGNORECASE)
_WITH_ATTRIBUTES = frozenset({"a", "img", "ol"})
_HIDES = re.compile(
    r"display\s*+:\s*+none|visibility\s*+:\s*+hidden|mso-hide\s*+:\s*+all|\shidden[\s>=/]", re.IGNORECASE
)
_MAX_PICTURE = 200_000
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]*+\Z", re.IGNORECASE)


def to_text(source: str) -> str:
    """Return what a person would read: blocks on their own lines, links and pictures in words, quotes behind `>`.

    Scripts, styles and what is hidden are left out, but a page that hides everything is read as if it hid nothing. Never
    raises.
    """
    if too_deep(source):
        writer = Writer()
        _write_tokens(source, writer)
        return writer.text()
    tree = LexborHTMLParser(source)
    folded = source.lower()
    hides = ("hid" in folded or "none" in folded) and _HIDES.search(source) is not None
    for hidden in (True, False) if hides else (False,):
        writer = Writer()
        _write_tree(tree.root, writer, hidden=hidden)
        if text := writer.text():
            return text
    return ""


def _is_hidden(attributes: Mapping[str, str | None]) -> bool:
    return "hidden" in attributes or _HIDES.search(attributes.get("style") or "") is not None


def _write_tree(root: LexborNode | None, writer: Writer, *, hidden: bool) -> None:
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
        elif not tag.startswith("-"):
            attributes = node.attributes if hidden or tag in _WITH_ATTRIBUTES else {}
            if (hidden and _is_hidden(attributes)) or not writer.open(tag, attributes):
                continue
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
            found = _ATTRIBUTE.finditer(match[4]) if tag in _WITH_ATTRIBUTES else ()
            yield "open", tag, {a[1].lower(): html.unescape(a[2] or a[3] or a[4] or "") for a in found}
    if at < len(source):
        yield "text", source[at:], {}


_TAGS = frozenset(nh3.ALLOWED_TAGS) - {"map", "area"}
_SCHEMES = ("http:", "https:", "mailto:", "tel:")


def safe_html(source: str, images: Mapping[str, str] | None = None) -> str:
    """Return the HTML with nothing in it that runs, loads or looks like ours; never raises.

    Left: text, structure and links to http, https, mailto and tel. Gone: scripts, styles, forms. A picture that came with
    the mail is shown from the address that `images` has for its Content-ID, a small one that stands in the page itself too;
    of every other there is only its alternative text, for a remote picture tells its sender who reads. What nests too deep
    is returned as plain text between `<pre>` tags.
    """
    if too_deep(source):
        return f"<pre>{html.escape(to_text(source))}</pre>"
    return nh3.clean(
        source,
        tags=set(_TAGS),
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        url_relative="pass_through",  # what `images` says may be relative; the filter lets no other through
        attributes={
            "a": {"href", "title"},
            "img": {"src", "alt", "width", "height"},
            "ol": {"start"},
            "td": {"colspan", "rowspan"},
            "th": {"colspan", "rowspan"},
        },
        attribute_filter=_addresses(images or {}),
        clean_content_tags={"script", "style", "title", "noscript"},
        link_rel="noopener noreferrer nofollow",
    )


def _addresses(images: Mapping[str, str]) -> Callable[[str, str, str], str | None]:
    """Return what decides about each attribute: an address that may stand, or the one it is replaced by."""

    def decided(tag: str, attribute: str, value: str) -> str | None:
        address = value.strip()
        if attribute == "href":
            return value if address.lower().startswith(_SCHEMES) else None
        if (tag, attribute) != ("img", "src"):
            return value
        if address[:4].lower() == "cid:":
            return images.get(unquote(address[4:]).strip("<>"))
        return address if len(address) <= _MAX_PICTURE and _PICTURE.match(address) else None

    return decided
