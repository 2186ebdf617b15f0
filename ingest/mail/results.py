"""Authentication-Results, as a mail server writes them (RFC 8601), and the same inside an ARC set (RFC 8617, 4.1.1)."""

import re
from typing import Any

import authres

_MAX = 8_192
_INSTANCE = re.compile(r"\s*i\s*=\s*\d+\s*;")
_ABOUT = {("header", "from"), ("header", "d"), ("header", "i"), ("smtp", "mailfrom")}


def results(value: str, of: str | None = None) -> list[tuple[str, str, list[str]]]:
    """Return (method, result, domains it is about) of a header value; nothing of an unreadable one.

    With `of`, nothing of any other server either: the name in front must be that authserv-id.
    """
    if len(value) > _MAX:
        return []
    instance = _INSTANCE.match(value)
    try:
        parsed = authres.AuthenticationResultsHeader.parse(
            f"Authentication-Results: {value[instance.end() :] if instance else value}"
        )
    except Exception:  # noqa: BLE001  # the library raises what it likes on what strangers write
        return []
    if of is not None and (instance or str(parsed.authserv_id).lower() != of.lower()):
        return []
    return [(str(one.method).lower(), str(one.result).lower(), _domains(one)) for one in parsed.results]


def _domains(result: Any) -> list[str]:
    said = ((str(one.type).lower(), str(one.name).lower(), str(one.value)) for one in result.properties)
    return [value.rpartition("@")[2].lower() for kind, name, value in said if (kind, name) in _ABOUT]
