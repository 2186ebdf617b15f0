"""How deep HTML nests, counted in linear time before an engine whose time is quadratic in the depth sees it.

The count follows the HTML standard (https://html.spec.whatwg.org/#parsing) where it lets elements close, and stays on the
high side where it cannot be sure: counting too much costs a page its looks, counting too little costs minutes.
"""

import re

MAX_DEPTH = 200
FEW_TAGS = 1000
"""With fewer tags than this no nesting costs more than a few milliseconds."""
MAX_ODD = 20

# One attribute as the standard's tokenizer takes it: a quote counts only after a name and `=`.
_ATTRIBUTES = r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?+)*+(?:>|\Z)"
TOKEN = re.compile(
    r"<!--(?:>|->|.*?(?:--!?>|\Z))"
    rf"|<(script|style|textarea|title|xmp|iframe|noembed|noframes)(?=[\s/>]){_ATTRIBUTES}(?:.*?(?:</\1(?=[\s/>]){_ATTRIBUTES}|\Z))"
    rf"|<(/?)([a-zA-Z][^\s/>]*+)({_ATTRIBUTES})"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
"""One tag, comment or element of raw text. The end of the source may end each, so that no match fails late.

Groups of a tag: 2 the slash of an end tag, 3 the name, 4 the attributes.
"""

_OPENING = re.compile(r"<[a-zA-Z]")
# Elements that change the rules for what is inside them. Mail has hardly any, so many of them are trouble.
_ODD = re.compile(
    r"<(?:select|svg|math|template|noscript|frameset|plaintext|applet|object|marquee|button|caption|annotation-xml|foreignobject"
    r"|!\[cdata\[)",
    re.IGNORECASE,
)
_VOID = {
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen", "link", "meta", "param", "source",
    "track", "wbr",
}  # fmt: skip
# There is one of each, or they only exist between a table and its cells.
_NEVER_DEEP = {"html", "head", "body", "tbody", "thead", "tfoot", "tr", "colgroup"}
_FORMATTING = {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
_SPECIAL = {
    "address", "article", "aside", "blockquote", "button", "center", "dd", "details", "dir", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "li", "listing", "main",
    "menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "td", "th", "ul", "applet", "caption", "marquee",
    "object", "template", "select", "svg", "math",
}  # fmt: skip
_WALLS = {"applet", "button", "caption", "marquee", "math", "object", "select", "svg", "table", "td", "template", "th"}
_CELLS = {"td", "th"}
_ITEMS = {"li": {"li"}, "dd": {"dd", "dt"}, "dt": {"dd", "dt"}}


def too_deep(source: str) -> bool:
    """Return whether the elements nest deeper than `MAX_DEPTH`, or might; linear in the length."""
    if len(_OPENING.findall(source)) <= FEW_TAGS:
        return False
    if len(_ODD.findall(source)) > MAX_ODD:
        return True
    stack: list[str] = []
    for match in TOKEN.finditer(source):
        tag = (match[3] or "").lower()
        if not tag or tag in _VOID or tag in _NEVER_DEEP:
            continue
        if match[2]:
            _end(stack, tag)
        else:
            _begin(stack, tag)
            if len(stack) > MAX_DEPTH:
                return True
    return False


def _begin(stack: list[str], tag: str) -> None:
    """Open an element, after closing what its start tag closes."""
    if tag in _CELLS:
        if "table" not in stack:
            return
        _close(stack, _CELLS, {"table", "template"}, keep=False)
    elif tag == "table":
        _close(stack, {"table"}, _WALLS - {"table"}, keep=False)
    elif tag in _ITEMS:
        _close(stack, _ITEMS[tag], _SPECIAL - {"address", "div", "p"} - _ITEMS[tag])
    if tag in _SPECIAL and tag not in _CELLS and tag != "table":  # without a doctype a table does not end a paragraph
        _close(stack, {"p"}, _WALLS)
    stack.append(tag)


def _end(stack: list[str], tag: str) -> None:
    """Close what an end tag surely closes; `</form>` closes only itself, and not always."""
    if tag == "form" or tag not in stack:
        return
    if tag in _FORMATTING:
        for place in range(len(stack) - 1, -1, -1):
            if stack[place] == tag:
                del stack[place]
                return
            if stack[place] in _SPECIAL:
                return
    elif tag == "table":
        _close(stack, {tag}, {"template"}, keep=False)
    elif tag in _CELLS:
        _close(stack, {tag}, {"table", "template"}, keep=False)
    elif tag in _SPECIAL:
        _close(stack, {tag}, (_WALLS | {"ul", "ol"}) - {tag} if tag == "li" else _WALLS - {tag})
    else:
        _close(stack, {tag}, _SPECIAL)


def _close(stack: list[str], tags: set[str], walls: set[str], *, keep: bool = True) -> None:
    """Close the innermost of the tags and all in it, unless a wall stands between.

    Formatting that was not ended goes on behind a closed element (`keep`), except that of a cell, which ends with it.
    """
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] in tags:
            inside = stack[place + 1 :]
            cell = next((at for at, tag in enumerate(inside) if tag in _CELLS), len(inside))
            going_on = [tag for tag in inside[:cell] if tag in _FORMATTING] if keep or tags == {"table"} else []
            stack[place:] = going_on
            return
        if stack[place] in walls:
            return
