"""What the Cloud API's errors mean, in an answer to a call and in a receipt of a message that failed later.

Vendor's document: Meta, "Error codes"
(https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes). Codes count, never titles.
"""

from collections.abc import Mapping

from ingest.meta import Meaning

CLOSED: Meaning = (
    "window_expired",
    "WhatsApp takes answers for 24 hours after the customer's last message; wait until they write again",
)
_BUSY: Meaning = ("rate_limited", "WhatsApp asks to send more slowly")
_OPERATOR: Meaning = ("auth", "Meta does not let this number send; look into WhatsApp Manager")
_UNWANTED: Meaning = ("blocked", "WhatsApp does not deliver our messages to this customer; reach them another way")
_INVALID: Meaning = ("invalid", "WhatsApp does not take the answer as it is")
_TROUBLE: Meaning = ("transient", "WhatsApp has trouble of its own")

MEANINGS: Mapping[int, Meaning] = {
    33: ("not_found", "Meta does not show this number or file to our token, or it is gone"),  # a subcode of 100
    470: CLOSED,
    130429: _BUSY,
    130472: _UNWANTED,  # their number is part of an experiment
    130497: _UNWANTED,  # businesses of our kind may not write to their country
    131000: _TROUBLE,
    131005: _OPERATOR,
    131008: _INVALID,
    131009: _INVALID,
    131016: _TROUBLE,
    131021: _INVALID,
    131026: ("not_found", "WhatsApp cannot deliver to this customer: no such account, an old app, or we are blocked"),
    131030: ("invalid", "the app is in development mode and this customer is not in its list of recipients"),
    131031: _OPERATOR,
    131037: _OPERATOR,
    131042: _OPERATOR,  # nobody pays
    131045: _OPERATOR,
    131047: CLOSED,
    131048: _BUSY,
    131049: _UNWANTED,
    131050: _UNWANTED,
    131051: _INVALID,
    131052: ("invalid", "WhatsApp cannot get the file"),
    131053: ("invalid", "WhatsApp does not take a file of this kind or size; send a link to it"),
    131056: _BUSY,  # one customer gets some six seconds apart
    131057: _TROUBLE,  # maintenance
    133004: _TROUBLE,
    133010: _OPERATOR,
    133016: _BUSY,
}
