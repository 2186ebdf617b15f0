"""The listener takes what the desk of the moment takes, and leaves nobody without an answer."""

import asyncio
import smtplib
from collections.abc import Sequence

from config.desk import Desk
from ingest.arrival import Arrival, Kept
from ingest.channels import smtp
from tests.desks import HEAD, desk, mail
from tests.services import free_port
from tickets.trouble import Temporary

PORT = "127.0.0.1:8025"


def asked(desks: Sequence[Desk], recipient: str, trouble: Exception | None = None) -> list[tuple[int, str]]:
    """Listen as the first desk says, and answer one mail under each of them in turn."""
    port = free_port()
    now = list(desks)
    config = desks[0].channels_by_name["mail"]
    assert isinstance(config, smtp.Config)
    kept: list[Arrival] = []

    async def accept(arrivals: Sequence[Arrival]) -> list[Kept]:
        if trouble:
            raise trouble
        kept.extend(arrivals)
        return [Kept(len(kept), duplicate=False)]

    def send() -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo()
            code, words = client.mail("ann@example.com", [f"SIZE={len(RAW)}"])
            if code == 250:
                code, words = client.rcpt(recipient)
            if code == 250:
                code, words = client.data(RAW)
            return code, words.decode()

    async def story() -> list[tuple[int, str]]:
        server = await smtp.listen(config.model_copy(update={"listen": f"127.0.0.1:{port}"}), lambda: now[0], accept)
        answers = []
        for at in desks:
            now[0] = at
            answers.append(await asyncio.to_thread(send))
        server.close()
        return answers

    return asyncio.run(story())


RAW = mail("a@x", text="x" * 5_000)


def test_an_address_that_is_added_to_the_desk_file_is_taken_at_once() -> None:
    more = HEAD.replace("addresses: [billing@acme.example]", "addresses: [billing@acme.example, bills@acme.example]")
    before, after = asked([desk(), desk(more)], "bills@acme.example")
    assert before[0] == 550
    assert "bills@acme.example" in before[1]
    assert "department" in before[1]
    assert after == (250, "2.0.0 kept as 1")


def test_the_channels_own_addresses_and_its_largest_mail_are_read_anew_too() -> None:
    mine = HEAD.replace(f'listen: "{PORT}"', f'listen: "{PORT}", addresses: [in@forward.example]')
    small = mine.replace("addresses: [in@", "max_size: 4096, addresses: [in@")
    answers = asked([desk(), desk(mine), desk(small)], "in@forward.example")
    assert [code for code, _ in answers] == [550, 250, 552]


def test_a_tag_behind_a_plus_and_the_postmaster_are_taken() -> None:
    for recipient in (
        "billing+17@acme.example",
        "BILLING@Acme.Example",
        "postmaster",
        "postmaster@support.acme.example",
    ):
        assert asked([desk()], recipient)[0][0] == 250, recipient


def test_whatever_goes_wrong_behind_it_the_answer_is_451() -> None:
    for trouble in (Temporary("disk full"), RuntimeError("a defect of ours"), TimeoutError()):
        [(code, words)] = asked([desk()], "billing@acme.example", trouble)
        assert code == 451
        assert "defect" not in words
