"""The sound of a voicemail or a recorded call."""

import re

from ingest.channels.phone.config import Config
from ingest.outbound import File, Outbound, origin, revealed
from tickets.trouble import Permanent, Temporary, failure

_ACCOUNT = re.compile(r"/Accounts/([A-Za-z0-9-]{1,64})/")
NOT_READY = 30.0
"""A recording is told of before it can be fetched; after so many seconds it is tried again."""


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # the URL names the account
    """Return a recording, with the account's name and auth token where it lies at the provider; raises like `send`."""
    owner = _ACCOUNT.search(url)
    if owner is None or origin(url) != origin(config.base_url):
        return out.file(url)
    refused: Temporary | Permanent | None = None
    for token in config.auth_tokens:
        try:
            return out.file(url, login=(owner[1], revealed(token)))
        except (Temporary, Permanent) as error:
            refused = error
            if error.kind == "not_found":
                raise failure("transient", f"the recording cannot be fetched yet: {error}", NOT_READY) from None
            if error.kind != "auth":
                raise
    raise refused or failure("auth", "this channel has no auth_tokens in the desk file, so nothing can be fetched")
