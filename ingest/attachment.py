"""An attachment's bytes out of the kept mail: they lie nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ingest.mail.read import contents
from ingest.sniff import is_shown, safe_name


@dataclass(frozen=True, slots=True)
class Served:
    """An attachment to give out. `inline` says whether a page may show it; what may not be is only ever saved.

    `name` is safe to save under; `content_type` is what the bytes are, and nothing a browser would run.
    """

    name: str
    content_type: str
    inline: bool
    data: bytes


def served(raw: bytes, said: Mapping[str, Any]) -> Served:
    """Return an attachment of a mail as it stands in the ticket's entry (`said`), found by its SHA-256.

    So a later version, which may count parts otherwise, gives out the same bytes. Raises `LookupError` with the reason when
    the mail does not hold it: on other channels than mail a file is only named.
    """
    wanted = said.get("sha256")
    data = next((one for one in contents(raw) if sha256(one).hexdigest() == wanted), None) if wanted else None
    if data is None:
        raise LookupError("the message names this file and does not hold it")
    kind = str(said.get("sniffed") or said.get("content_type"))
    harmless = not said.get("dangerous") and not said.get("virus")
    return Served(
        name=safe_name(str(said.get("filename", ""))),
        content_type=kind if harmless else "application/octet-stream",
        inline=harmless and is_shown(kind),
        data=data,
    )
