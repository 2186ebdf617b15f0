"""WhatsApp: messages to the numbers of a business, delivered by Meta's Cloud API.

    POST /in/whatsapp
    X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body with the app's secret, in hex>

    {"object": "whatsapp_business_account", "entry": [{"id": "102290", "changes": [{"field": "messages", "value": {
      "messaging_product": "whatsapp", "metadata": {"phone_number_id": "106540", "display_phone_number": "4930555001"},
      "contacts": [{"wa_id": "4915550001111", "user_id": "DE.1349", "profile": {"name": "Ann"}}],
      "messages": [{"from": "4915550001111", "from_user_id": "DE.1349", "id": "wamid.A1", "timestamp": "1795348800",
                    "type": "text", "text": {"body": "Hello"}}]}}]}]}

    200 {}

Vendor's document: Meta, "WhatsApp Business Platform: Webhooks"
(https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview) and "Business-scoped user IDs".
Meta repeats a delivery for up to 7 days, puts any number of messages into one and keeps no order. `events.py` walks a delivery,
`people.py` tells who is who, `content.py` what a message says; `answers.py` is the way back.
"""

from ingest.channels.whatsapp.answers import answer_until, fetch, send
from ingest.channels.whatsapp.config import Config
from ingest.channels.whatsapp.events import parse
from ingest.meta_hook import HOOK, answer, handshake, verify

__all__ = ["HOOK", "Config", "answer", "answer_until", "fetch", "handshake", "parse", "send", "verify"]
