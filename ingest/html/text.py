"""Writes text out of the pieces of an HTML document: the part that knows what a person would see."""

import re
from collections.abc import Mapping

# Marks that cannot come from the document, because its own are taken out first: end the line if there is one, end it in
# any case, leave a blank line, begin and end a quotation.
_SOFT, _LINE, _GAP, _QUOTE, _UNQUOTE = "\x1b", "\x1c", "\x1d", "\x1e", "\x1f"
_MARKS = re.compile(r"([\x1b-\x1f])")
_BLANKS = re.compile(r"[ \t\n\r\f\u200b\ufeff]+")

_SILENT = {
    "script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea",
    "select",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "dialog", "dir", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main",
    "menu", "nav", "ol", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
}  # fmt: skip
_PARAGRAPHS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote"})
_CELLS = frozenset({"td", "th"})
_ACTS = frozenset({_SOFT, _LINE, _GAP, _QUOTE, _UNQUOTE})
MAX_QUOTES = 20


class Writer:
    """Takes `open`, `write` and `close` in document order and gives the `text`; what is silent is skipped."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._pre = 0

    def open(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Begin an element; return False when its content is not to be read."""
        if tag in _BLOCKS:
            self._out.append(_SOFT)
            if tag == "li":
                self._out.append("- ")
            elif tag == "hr":
                self._out.append(f"---{_SOFT}")
        elif tag in _PARAGRAPHS:
            self._out.append(_GAP)
            if tag == "blockquote":
                self._out.append(_QUOTE)
            self._pre += tag == "pre"
        elif tag == "br":
            self._out.append(_LINE)
        elif tag in _CELLS:
            self._out.append(" ")
        elif tag == "a":
            self._links.append(((attributes.get("href") or "").strip(), len(self._out)))
        elif tag == "img" and (alt := (attributes.get("alt") or "").strip()):
            self._out.append(f"[{_MARKS.sub('', alt)}]")
        return tag not in _SILENT

    def write(self, text: str) -> None:
        """Take text as it stands in the document."""
        text = _MARKS.sub("", text)
        self._out.append(text.replace("\n", _LINE).replace(" ", "\xa0") if self._pre else text)

    def close(self, tag: str) -> None:
        """End an element; one that was never begun changes at most the spacing."""
        if tag in _BLOCKS:
            self._out.append(_SOFT)
        elif tag in _PARAGRAPHS:
            if tag == "blockquote":
                self._out.append(_UNQUOTE)
            self._pre -= tag == "pre" and self._pre > 0
            self._out.append(_GAP)
        elif tag in _CELLS:
            self._out.append(" ")
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())

    def _end_link(self, href: str, begun: int) -> None:
        """Put the address behind the words of a link unless the words say it already."""
        if len(href) > 2000 or not href.lower().startswith(("http://", "https://", "mailto:", "tel:")):
            return
        words = "".join(self._out[begun:]).strip() if len(self._out) - begun < 50 else ""
        bare = href.partition(":")[2].strip("/")
        if bare.lower() not in words.lower() and _MARKS.sub("", words).strip():
            self._out.append(f" ({_MARKS.sub('', ''.join(href.split()))})")

    def text(self) -> str:
        """Return the text so far."""
        flat = _BLANKS.sub(" ", "".join(self._out))
        lines: list[str] = []
        depth = before = 0
        gap = False
        piece = ""
        for token in [*_MARKS.split(flat), _SOFT]:
            if token not in _ACTS:
                piece = token.replace("\xa0", " ").rstrip() if "\xa0" in token else token.strip()
                continue
            if piece:
                if gap and lines:
                    lines.append(">" * min(depth, before))
                lines.append(f"{'>' * depth} {piece}" if depth else piece)
                gap, before = token == _GAP, depth
            else:
                gap = gap or token in (_GAP, _LINE)
            piece = ""
            if token in (_QUOTE, _UNQUOTE):
                depth = min(max(depth + (1 if token == _QUOTE else -1), 0), MAX_QUOTES)
        return "\n".join(lines).strip("\n")
