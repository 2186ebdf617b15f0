"""Teams: whose tokens are believed, which services see ours, and new keys of the connector on the way in."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest.channel import Outdated, Refused, Request, WebChannel, find
from ingest.channels import teams
from ingest.channels.teams.config import Config, is_service
from ingest.channels.teams.token import KEYS
from ingest.outbound import Outbound
from ingest.webhook import arrivals
from tests.channels import sending
from tickets.trouble import Temporary

AT = 1795348800
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
SERVICE = "https://smba.trafficmanager.net/emea/"
CONFIG = Config(name="teams-bot", type="teams", app_id=APP, passwords=("env:TEAMS_PASSWORD",))
CHANNEL = cast(WebChannel, find("teams"))
SIGNER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ACTIVITY = {"type": "message", "id": "1", "channelId": "msteams", "serviceUrl": SERVICE, "text": "Hello"}
CLAIMS = {"iss": "https://api.botframework.com", "aud": APP, "nbf": AT - 60, "exp": AT + 60, "serviceurl": SERVICE}


def keys(*, kid: str = "k-1", **more: Any) -> bytes:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(SIGNER.public_key(), as_dict=True)
    return json.dumps({"keys": [{**public, "kid": kid, "endorsements": ["msteams"], **more}]}).encode()


def token(claims: Mapping[str, Any], signer: Any = SIGNER, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(dict(claims), signer, algorithm, {"kid": "k-1", **header})


def delivery(said: str, activity: Any = ACTIVITY, document: bytes | None = None) -> Request:
    raw = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
    known = {KEYS: keys() if document is None else document}
    return Request(raw, {"authorization": f"Bearer {said}"}, AT, known)


def test_a_token_of_the_connector_for_this_bot_and_service_is_taken_with_five_minutes_for_clocks() -> None:
    teams.verify(CONFIG, delivery(token({**CLAIMS, "nbf": AT + 300})))
    teams.verify(CONFIG, delivery(token({**CLAIMS, "exp": AT - 300})))
    teams.verify(CONFIG, delivery(token({**CLAIMS, "aud": [APP, "another"]})))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (delivery(token({**CLAIMS, "iss": "https://sts.windows.net/x/"})), 401),
        (delivery(token({**CLAIMS, "aud": "11112222-bbbb-3333-cccc-4444dddd5555"})), 401),
        (delivery(token({**CLAIMS, "exp": AT - 301})), 401),
        (delivery(token({**CLAIMS, "nbf": AT + 301})), 401),
        (delivery(token({**CLAIMS, "exp": "soon"})), 401),
        (delivery(token({**CLAIMS, "exp": float("inf")})), 401),
        (delivery(token({name: value for name, value in CLAIMS.items() if name != "exp"})), 401),
        (delivery(token({name: value for name, value in CLAIMS.items() if name != "aud"})), 401),
        (delivery(token(CLAIMS, rsa.generate_private_key(public_exponent=65537, key_size=2048))), 401),
        (delivery(token(CLAIMS, "a shared secret of thirty-two bytes", "HS256")), 401),
        (delivery(token(CLAIMS, None, "none")), 401),
        (delivery("a.b.c"), 401),
        (delivery(token(CLAIMS), document=keys(kty="EC")), 401),
        (delivery(token(CLAIMS), document=keys(n="!")), 401),
        (delivery(token(CLAIMS), b"no JSON"), 401),
        (delivery(token(CLAIMS), b"[]"), 401),
        (delivery(token(CLAIMS), {**ACTIVITY, "serviceUrl": "https://evil.example/"}), 403),
        (delivery(token({**CLAIMS, "serviceurl": None})), 403),
        (delivery(token(CLAIMS), {name: one for name, one in ACTIVITY.items() if name != "serviceUrl"}), 403),
        (delivery(token(CLAIMS), {**ACTIVITY, "channelId": "webchat"}), 403),
        (delivery(token(CLAIMS), document=keys(endorsements="msteams")), 403),
        (replace(delivery(token(CLAIMS)), fetched={}), 503),
    ],
)
def test_any_other_token_is_refused(request_: Request, status: int) -> None:
    with pytest.raises(Refused) as refused:
        teams.verify(CONFIG, request_)
    assert refused.value.status == status


def test_a_key_of_a_public_key_is_no_shared_secret() -> None:
    """Sign with the public key as if it were a secret: the algorithm is not the token's to choose."""
    public = base64.urlsafe_b64decode(json.loads(keys())["keys"][0]["n"] + "==")
    with pytest.raises(Refused):
        teams.verify(CONFIG, delivery(token(CLAIMS, public, "HS256")))


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic YTpi", "Bearer a.b", "Bearer \ud800", f"Bearer {'.' * 50_000}"]
)
def test_without_a_token_nobody_is_asked_for_keys(header: str) -> None:
    with pytest.raises(Refused) as refused:
        teams.wants(CONFIG, Request(b"{}", {"authorization": header}))
    assert refused.value.status == 401


@dataclass
class Login:
    """The place of the keys, where a new one has just appeared."""

    old: bytes = field(default_factory=lambda: keys(kid="k-0"))
    new: bytes = field(default_factory=keys)
    asked: list[bool] = field(default_factory=list)

    async def document(self, url: str, *, anew: bool = False) -> bytes:
        """Return the keys: what was remembered, or what is there now."""
        assert url == KEYS
        self.asked.append(anew)
        return self.new if anew else self.old

    async def visit(self, url: str) -> None:
        """Nothing is visited."""
        raise AssertionError(url)


def test_a_new_key_of_the_connector_is_looked_for_once() -> None:
    request = replace(delivery(token(CLAIMS)), fetched={})
    login = Login()
    [one] = asyncio.run(arrivals(CHANNEL, CONFIG, request, login))
    assert (one.external_id, login.asked) == ("message::1", [False, True])
    unknown = Login(new=keys(kid="k-2"))
    with pytest.raises(Outdated):
        asyncio.run(arrivals(CHANNEL, CONFIG, request, unknown))
    assert unknown.asked == [False, True]


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://smba.trafficmanager.net/emea/", True),
        ("https://smba.trafficmanager.net", True),
        ("https://SMBA.trafficmanager.net/emea/", True),
        ("https://europe.webchat.botframework.com/", True),
        ("https://smba.infra.gcc.teams.microsoft.com/gcc", True),
        ("https://login.microsoftonline.com/", True),
        ("http://smba.trafficmanager.net/emea/", False),
        ("https://evil.trafficmanager.net/", False),
        ("https://botframework.com.evil.example/", False),
        ("https://evilbotframework.com/", False),
        ("https://smba.trafficmanager.net@evil.example/", False),
        ("https://evil.example\\@smba.trafficmanager.net/", False),
        ("https://smba.trafficmanager.net/?a=b", False),
        ("https://[::1]/", False),
        ("https://10.0.0.1/", False),
        ("", False),
    ],
)
def test_only_services_of_the_bot_framework_see_the_bots_token(url: str, known: bool) -> None:
    assert is_service(CONFIG, url) is known


def test_a_picture_is_fetched_with_the_bots_token_and_an_uploaded_file_without() -> None:
    script: list[dict[str, Any]] = [
        {
            "expect": {
                "method": "POST",
                "path": "/botframework.com/oauth2/v2.0/token",
                "form": [
                    ["grant_type", "client_credentials"],
                    ["client_id", APP],
                    ["scope", "https://api.botframework.com/.default"],
                    ["client_secret", "s3cret"],
                ],
            },
            "answer": {"json": {"access_token": "t-1"}},
        },
        {
            "expect": {"method": "GET", "path": "/v3/attachments/1", "headers": {"authorization": "Bearer t-1"}},
            "answer": {"text": "picture", "headers": {"Content-Type": "image/png"}},
        },
        {
            "expect": {"method": "GET", "path": "/download?tempauth=x", "headers": {"authorization": None}},
            "answer": {"text": "file"},
        },
    ]
    with (
        sending.platform(script) as there,
        sending.environment({"TEAMS_PASSWORD": "s3cret"}),
        sending.platform([]) as one,
    ):
        one.script = script[2:]
        there.script = script[:2]
        out = Outbound(own=(there.base, one.base))
        config = CONFIG.model_copy(update={"base_url": there.base})
        found = teams.fetch(config, "", f"{there.base}/v3/attachments/1", out)
        assert (found.data, found.content_type) == (b"picture", "image/png")
        assert teams.fetch(config, "", f"{one.base}/download?tempauth=x", out).data == b"file"
        assert there.wrong == one.wrong == []
        with pytest.raises(Temporary):
            teams.fetch(config, "", f"{there.base}/v3/attachments/2", Outbound(own=(there.base,)))
