"""What we prove ourselves with when we ask a platform."""

from config.model import MissingSecretError, Secret
from tickets.trouble import failure


def revealed(secret: Secret | None, setting: str) -> str:
    """Return the value of a channel's `setting` (its name in the desk file); raises `Temporary` (auth) when it is not there.

    Which variable or file it is stays here.
    """
    if secret is None:
        raise failure("auth", f"this channel has no `{setting}` in the desk file, so nothing can be sent through it")
    try:
        return secret.reveal()
    except (MissingSecretError, ValueError):
        raise failure("auth", f"the `{setting}` of this channel is not set; see frontdesk doctor") from None
