"""Which pages may talk to a chat channel: origins (RFC 6454), compared exactly."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

_ORIGIN: Final = re.compile(r"(https?)://((?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def origin(value: str) -> str:
    """Return an origin as browsers write it, the default port left out; raises `ValueError` with words."""
    found = _ORIGIN.fullmatch(value.strip().lower())
    if "*" in value and (found is None or not found[2].startswith("*.") or found[2].count(".") < 2):
        raise ValueError(f"{value!r}: a * stands for one whole label in front of a domain, https://*.example.com")
    if found is None:
        raise ValueError(f"{value!r} is no origin; write scheme://host[:port] without a path, https://www.example.com")
    if found[3] and int(found[3]) > 65_535:
        raise ValueError(f"{value!r}: a port is a number up to 65535")
    port = f":{found[3]}" if found[3] and found[3] != _DEFAULT_PORTS[found[1]] else ""
    return f"{found[1]}://{found[2]}{port}"


def is_allowed(origins: Sequence[str], said: str) -> bool:
    """Tell whether a browser's Origin is one of the configured ones; labels are compared whole."""
    said = said.lower()
    if said in origins:
        return "*" not in said
    scheme, _, host = said.partition("://")
    label, dot, parent = host.partition(".")
    return bool(dot) and re.fullmatch(r"[a-z0-9_-]+", label) is not None and f"{scheme}://*.{parent}" in origins


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from a page of the desk itself, such as the widget's iframe: Origin names the same host.

    The scheme is not known behind a proxy, so a port that is the scheme's usual one counts as none.
    """
    said = headers.get("origin", "").lower()
    scheme = said.partition("://")[0]
    try:
        return "*" not in said and origin(said) == origin(f"{scheme}://{headers.get('host', '')}")
    except ValueError:
        return False


def may_ask(origins: Sequence[str], headers: Mapping[str, str]) -> bool:
    """Tell whether a request may come from where it says: an allowed page, our own page, or a program without an Origin."""
    said = headers.get("origin")
    return said is None or is_allowed(origins, said) or is_own(headers)


def shared(origins: Sequence[str], headers: Mapping[str, str], methods: str) -> dict[str, str]:
    """Return the headers with which a browser lets an allowed page read the answer.

    https://fetch.spec.whatwg.org/#http-cors-protocol
    """
    said = headers.get("origin", "")
    if not said or not is_allowed(origins, said):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": said,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "authorization, content-type, last-event-id, x-filename",
        "Access-Control-Expose-Headers": "retry-after",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
