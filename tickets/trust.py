"""Whether a mail is really from the domain its From names: the verdict, and who gave it."""

from config.model import Model


class Trust(Model):
    """What is known of a mail's origin. The words are those of RFC 8601 (pass, fail, none, temperror …), "" for not looked at.

    `by` is the server whose Authentication-Results were read, or "frontdesk"; `domain` the one in From. `authentic` is true
    when the domain stands for this mail, false when it does not, nothing when nobody can say; `because` tells why in words.
    """

    by: str
    domain: str = ""
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    arc: str = ""
    authentic: bool | None = None
    because: str
