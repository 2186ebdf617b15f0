"""Microsoft Teams: what people write to a bot, delivered by the Bot Framework, and answers through its connector.

    POST /in/teams-bot
    Authorization: Bearer <JWT of the Bot Connector, RS256>

    {"type": "message", "id": "1795348800123", "timestamp": "2026-11-22T12:00:00.1234567Z", "channelId": "msteams",
     "serviceUrl": "https://smba.trafficmanager.net/emea/", "text": "<at>Desk</at> Hello",
     "from": {"id": "29:1ann", "name": "Ann", "aadObjectId": "7faf8ab2-3d56-4244-b585-20c8a42ed2b8"},
     "recipient": {"id": "28:00001111-aaaa-2222-bbbb-3333cccc4444", "name": "Desk"},
     "conversation": {"id": "a:1xyz", "conversationType": "personal"},
     "entities": [{"type": "mention", "text": "<at>Desk</at>",
                   "mentioned": {"id": "28:00001111-aaaa-2222-bbbb-3333cccc4444", "name": "Desk"}}]}

    200 {"statusCode": 200, …}

Vendor's document: Microsoft, "Authentication with the Bot Connector API"
(https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication) and "API reference for the
Bot Framework Connector service"; Microsoft Teams, "Messages in bot conversations". `activity.py` reads what comes, `token.py`
tells whether the connector sent it, `sending.py` answers.
"""

from collections.abc import Sequence

from ingest.arrival import Kept
from ingest.channel import Answer, Hook
from ingest.channels.teams.activity import parse
from ingest.channels.teams.config import Config
from ingest.channels.teams.sending import fetch, send
from ingest.channels.teams.token import verify, wants

__all__ = ["HOOK", "Config", "answer", "fetch", "parse", "send", "verify", "wants"]

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # the row's number means nothing to the connector
    """Return 200 with what a card that was submitted wants to hear; for all other activities it means nothing."""
    return Answer(200, {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "OK"})
