"""Writes text out of the pieces of an HTML document: the part that knows what a person would see."""

import re
from collections.abc import Mapping

# Marks that cannot come from the document, because its own are taken out first: end the line if there is one, end it in
# any case, leave a blank line, begin and end a quotation.
_SOFT, _LINE, _GAP, _QUOTE, _UNQUOTE = "\x1b", "\x1c", "\x1d", "\x1e", "\x1f"
_MARKS = re.compile(r"([\x1b-\x1f])")
_BLANKS = re.compile(r"[ \t\n\r\f]+")
# What newsletters fill a preview with, and marks that are only there to break a line: nobody sees them.
_UNSEEN = re.compile(
    r"[\u00ad\u034f\u200b\u2060\ufeff]+|(?<=\s)[\u200c\u200d]+|(?<![\u200c\u200d])[\u200c\u200d]++(?=\s)"
)
_MAYBE_UNSEEN = re.compile(r"[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
_WORD_BULLET = re.compile(r"\A[·•§o\uf0b7\uf0a7](?:\xa0[\xa0 ]*)(?=\S)")  # Word writes its lists as paragraphs

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
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_NUMBER = re.compile(r"[+-]?\d{1,9}\Z")
_ACTS = frozenset({_SOFT, _LINE, _GAP, _QUOTE, _UNQUOTE})
MAX_QUOTES = 20
MAX_INDENT = 10


class Writer:
    """Takes `open`, `write` and `close` in document order and gives the `text`; what is silent is skipped."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._pre = 0
        self._marked = -1  # how much there was when an item's mark had just been written
        self._lists: list[int | None] = []  # for each list that is open the next number, None where it has bullets

    def open(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Begin an element; return False when its content is not to be read."""
        if tag in ("p", "div") and len(self._out) == self._marked:  # an item's first paragraph stands behind its mark
            return True
        if tag in _BLOCKS:
            self._open_block(tag, attributes)
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

    def _open_block(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        self._out.append(_SOFT)
        if tag in _LISTS:
            start = (attributes.get("start") or "").strip()
            number = int(start) if _NUMBER.match(start) else 1
            self._lists.append(number if tag == "ol" else None)
        elif tag == "li":
            self._out.append(self._mark())
            self._marked = len(self._out)
        elif tag == "hr":
            self._out.append(f"---{_SOFT}")

    def write(self, text: str) -> None:
        """Take text as it stands in the document."""
        if len(self._out) == self._marked and text.isspace():
            return
        text = _MARKS.sub("", text)
        self._out.append(text.replace("\n", _LINE).replace(" ", "\xa0") if self._pre else text)

    def close(self, tag: str) -> None:
        """End an element; one that was never begun changes at most the spacing."""
        if tag in _BLOCKS:
            self._out.append(_SOFT)
            if tag in _LISTS and self._lists:
                self._lists.pop()
        elif tag in _PARAGRAPHS:
            if tag == "blockquote":
                self._out.append(_UNQUOTE)
            self._pre -= tag == "pre" and self._pre > 0
            self._out.append(_GAP)
        elif tag in _CELLS:
            self._out.append(" ")
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())

    def _mark(self) -> str:
        """Return what stands before a list's next item: its bullet or number, indented in a list of a list."""
        indent = "\xa0\xa0" * min(len(self._lists) - 1, MAX_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

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
        if not flat.isascii() and _MAYBE_UNSEEN.search(flat):
            flat = _UNSEEN.sub("", flat)
        lines: list[str] = []
        depth = before = 0
        gap = False
        piece = ""
        for token in [*_MARKS.split(flat), _SOFT]:
            if token not in _ACTS:
                piece = _shown(token)
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


def _shown(text: str) -> str:
    if "\xa0" not in text:
        return text.strip()
    return _WORD_BULLET.sub("- ", text, count=1).replace("\xa0", " ").rstrip()
