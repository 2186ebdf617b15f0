"""The files of Twilio's messages want a login, which goes nowhere else."""

from base64 import b64encode

import pytest

from ingest.channels.twilio import Config, fetch
from ingest.outbound import Outbound
from tests.channels.conformance import delivery
from tests.channels.sending import environment, platform
from tickets.trouble import Permanent, Temporary

SAMPLE = delivery("twilio")
LOGIN = "Basic " + b64encode(f"AC{'0' * 29}0a1:{SAMPLE.environment['TWILIO_OLD_TOKEN']}".encode()).decode()


def config(**changed: object) -> Config:
    return Config.model_validate({**SAMPLE.config.model_dump(), **changed})


def test_a_file_is_fetched_with_our_login_and_the_login_goes_nowhere_else() -> None:
    ours = {"method": "GET", "path": "/media/1", "headers": {"authorization": LOGIN}}
    elsewhere = {"method": "GET", "path": "/media/1", "headers": {"authorization": None}}
    picture = {"headers": {"Content-Type": "image/png"}, "text": "PNG"}
    with (
        environment(dict(SAMPLE.environment)),
        platform([{"expect": ours, "answer": picture}]) as api,
        platform([{"expect": elsewhere, "answer": picture}]) as other,
    ):
        out = Outbound(own=(api.base, other.base))
        for local in (api, other):
            file = fetch(config(base_url=api.base), "+4930555000", f"{local.base}/media/1", out)
            assert (file.data, file.content_type, local.wrong) == (b"PNG", "image/png", [])


@pytest.mark.parametrize("url", ["https://[", "https://127.0.0.1/x", "telegram:1", "http://api.twilio.com/x", ""])
def test_a_file_that_lies_nowhere_public_is_not_asked_for(url: str) -> None:
    with environment(dict(SAMPLE.environment)), pytest.raises((Permanent, Temporary)):
        fetch(config(), "+4930555000", url, Outbound(resolve=lambda _host, _port: ["127.0.0.1"]))
