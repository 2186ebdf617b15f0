"""A provider asks whether a mailbox may forward its mail to us, and somebody must follow a link or type a code.

Gmail's is the one whose form is known: from forwarding-noreply@google.com, the code before the subject and a link that begins
with `vf-` in the text (`uf-` refuses). Google Workspace's is the same; Exchange Online and Outlook.com ask nobody.
From can be forged: whoever shows the link should know that DKIM vouches for google.com.
"""

import html
import re

from tickets.message import Confirmation

_SENDERS = frozenset({"forwarding-noreply@google.com", "forwarding-noreply@googlemail.com"})
_LINK = re.compile(
    r"https://(?:mail-settings|isolated\.mail|mail)\.google\.com/mail/vf-[A-Za-z0-9%._~+-]{6,1000}(?:\?[A-Za-z0-9%._~=&+-]{1,1000})?"
    r"(?![A-Za-z0-9@:])"
)
_CODE = re.compile(r"\(#(\d{6,12})\)")
_CODE_LINE = re.compile(r"[:\uff1a]\s{0,3}(\d{6,12})\s*$", re.MULTILINE)
_ADDRESS = re.compile(r"(?<![^\s<>\"'(,:\uff1a])[^\s<>\"'(),:;\uff1a@]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_MAX_LOOK = 50_000


def confirmation(sender: str, subject: str, text: str, page: str | None) -> Confirmation | None:
    """Return what must be followed or typed so that mail is forwarded to us; None for every other mail. Never raises.

    `sender` is the address of From, `page` the mail's HTML. The link is https and on a page of the provider's own where
    nothing but this is done; whatever else the mail says is not in it.
    """
    if sender not in _SENDERS:
        return None
    link = _LINK.search(text[:_MAX_LOOK]) or _LINK.search(html.unescape((page or "")[:_MAX_LOOK]))
    code = _CODE.search(subject[:200]) or _CODE_LINE.search(text[:_MAX_LOOK])
    if link is None and code is None:
        return None
    address = _ADDRESS.search(subject[:1000]) or _ADDRESS.search(text[:_MAX_LOOK])
    return Confirmation(
        provider="Gmail",
        address=address[0].lower() if address else "",
        link=link[0] if link else None,
        code=code[1] if code else None,
    )
