"""What Messenger, Instagram and WhatsApp have in common: how Meta's webhooks prove themselves, how it is asked, what its errors mean.

Vendor's document: Meta, "Graph API Webhooks: Getting Started"
(https://developers.facebook.com/docs/graph-api/webhooks/getting-started), "Handle Errors"
(https://developers.facebook.com/docs/graph-api/guides/error-handling) and "Rate Limits"
(https://developers.facebook.com/docs/graph-api/overview/rate-limiting).
"""

import hmac
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from config.desk import ChannelConfig
from config.model import MissingSecretError, Secret, Secrets
from ingest.channel import Answer, Refused, Request
from ingest.outbound import Answered
from ingest.payload import count, part
from ingest.proof import is_one_of, opened
from tickets.trouble import FailureKind, Permanent, Temporary, failure

Id = Annotated[str, BeforeValidator(lambda said: str(said) if type(said) is int else said)]
"""An id of digits, which YAML reads as a number unless it is quoted."""
Tokens = Mapping[Id, Secret]
"""Access tokens by the id of the page, account or number they are of."""

LONGEST_CHALLENGE = 1000
"""Meta's is some ten digits long; a stranger's could be anything."""

Meaning = tuple[FailureKind, str]
_BUSY: Meaning = ("rate_limited", "Meta takes no more calls for a while")
_TOKEN: Meaning = ("auth", "Meta does not take the access token; make a new one and check the app's permissions")
_TROUBLE: Meaning = ("transient", "Meta has trouble of its own")
_MEANINGS: Mapping[int, Meaning] = {
    1: _TROUBLE,
    2: _TROUBLE,
    3: _TOKEN,
    10: _TOKEN,
    100: ("invalid", "Meta does not take the answer as it is"),
    102: _TOKEN,
    190: _TOKEN,
    368: (
        "auth",
        "Meta has blocked the account for a while because of its policies; look into Meta's Business Support Home",
    ),
    **dict.fromkeys((4, 17, 32, 341, 613, *range(80_000, 80_015)), _BUSY),
    **dict.fromkeys(range(200, 300), _TOKEN),
}


class Settings(ChannelConfig):
    """What every channel of Meta's needs."""

    app_secrets: Secrets = Field(
        description="the app's secrets, with which Meta signs; a delivery signed with any is genuine"
    )
    verify_tokens: Secrets = Field(description="the words given to Meta as the webhook's verify token")
    graph_version: str = Field(
        default="v25.0",
        pattern=r"^v[1-9][0-9]{0,2}\.[0-9]{1,2}$",
        description="the version of Meta's Graph API to call",
    )

    @property
    @abstractmethod
    def tokens(self) -> Tokens:
        """The access tokens."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the Graph API."""

    @property
    def graph(self) -> str:
        """The address of the Graph API's version, without a slash behind it."""
        return f"{self.address.rstrip('/')}/{self.graph_version}"


def authorization(config: Settings, account: str) -> Mapping[str, str]:
    """Return the header with an account's access token; raises `Temporary` while there is none."""
    if (secret := config.tokens.get(account)) is None:
        raise failure("auth", f"channel {config.name} has no access token for {account}; add it in the desk file")
    try:
        return {"Authorization": f"Bearer {secret.reveal()}"}
    except (MissingSecretError, ValueError):
        raise failure("auth", f"the access token for {account} is not set; see `frontdesk doctor`") from None


def handshake(verify_tokens: Sequence[Secret], request: Request) -> Answer | None:
    """Return the challenge of a GET as plain text, for a right verify token; a POST is no handshake.

    Raises `Refused`: 403 a wrong token or no challenge, 503 when ours is not there.
    """
    if request.method != "GET":
        return None
    tokens = opened(verify_tokens)
    asked = request.query
    challenge = asked.get("hub.challenge", "")
    known = is_one_of(asked.get("hub.verify_token", ""), tokens)
    if not known or asked.get("hub.mode") != "subscribe" or not 0 < len(challenge) <= LONGEST_CHALLENGE:
        raise Refused(403, "this is no subscription with this channel's verify token")
    return Answer(text=challenge)


def verify(app_secrets: Sequence[Secret], request: Request) -> None:
    """Return when an app with one of the secrets signed the body; raises `Refused`: 401 else, 503 when a secret is not there."""
    secrets = opened(app_secrets)
    rights = [b"sha256=" + hmac.digest(secret, request.raw, "sha256").hex().encode() for secret in secrets]
    if not is_one_of(request.headers.get("x-hub-signature-256", ""), rights):
        raise Refused(
            401, "X-Hub-Signature-256 is not the signature of this body with one of this channel's app secrets"
        )


def fault(answered: Answered) -> tuple[int, int]:
    """Return the code and the subcode of an error Meta answered with; 0 for what it does not say."""
    error = part(answered.json, "error")
    return count(error, "code"), count(error, "error_subcode")


def refusal(answered: Answered, known: Mapping[int, Meaning]) -> Temporary | Permanent:
    """Return the error to raise for a call that was refused: by the subcode, else the code, else the HTTP status.

    `known` are the meanings of a product's own codes and subcodes. Meta's words are left out: they may quote the token.
    """
    code, subcode = fault(answered)
    kind, words = known.get(subcode) or known.get(code) or _MEANINGS.get(code) or _by_status(answered.status)
    number = f"error {code}/{subcode}" if subcode else f"error {code}" if code else f"HTTP {answered.status}"
    return failure(kind, f"{words} ({number})", _wait(answered))


def _by_status(status: int) -> Meaning:
    if status == 429:
        return _BUSY
    if status >= 500:
        return _TROUBLE
    return (
        _TOKEN if status in (401, 403) else ("unknown", "Meta refuses the answer for a reason that is not known here")
    )


def _wait(answered: Answered) -> float | None:
    """Return the seconds Meta asks to wait, at most an hour; `X-Business-Use-Case-Usage` tells minutes."""
    try:
        usage: Any = json.loads(answered.headers.get("x-business-use-case-usage", ""))
    except (ValueError, RecursionError):
        usage = {}
    lists = usage.values() if isinstance(usage, dict) else ()
    ones = [one for some in lists if isinstance(some, list) for one in some if isinstance(one, dict)]
    minutes = max((count(one, "estimated_time_to_regain_access") for one in ones), default=0)
    return answered.retry_after or (min(minutes * 60.0, 3600.0) if minutes else None)
