"""Slack's way of writing (https://docs.slack.dev/messaging/formatting-message-text), to plain words and back."""

import re

_MARK = re.compile(r"<([^<>]*)>")


def plain(text: str) -> str:
    """Return what a person reads: `<@U1>` as @U1, `<#C1|general>` as #general, `<url|label>` as label (url), entities as signs."""
    return _MARK.sub(_read, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escape(text: str) -> str:
    """Return the text as Slack shows it unchanged: no word in it calls anybody or hides where a link leads."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read(found: re.Match[str]) -> str:
    target, _, label = found[1].partition("|")
    sign, rest = target[:1], target[1:]
    if sign in ("@", "#"):
        return sign + (label.removeprefix(sign) or rest)
    if sign == "!":
        kind, caret, about = rest.partition("^")
        if kind == "date":
            return label
        return "@" + (label.removeprefix("@") or (about if caret else kind))
    scheme, _, address = target.partition(":")
    where = address if scheme in ("mailto", "tel") else target
    return where if not label or label in (where, address.removeprefix("//")) else f"{label} ({where})"
