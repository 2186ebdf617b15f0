"""The listener takes what the desk of the moment takes, and leaves nobody without an answer."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from config.desk import Desk
from config.problems import DeskError
from ingest.arrival import Accept, Arrival, Kept
from ingest.channels import smtp
from ingest.channels.smtp.peers import LOGIN_FAILURES, LOGIN_SECONDS, Peers
from tests.desks import HEAD, desk, mail
from tests.services import free_port
from tickets.trouble import Temporary

PORT = "127.0.0.1:8025"
T = TypeVar("T")


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


# --- who may come in ------------------------------------------------------------------------------------------------


def listening(
    text: str, story: Callable[[int], T], accept: Accept | None = None, limits: smtp.Limits | None = None
) -> T:
    """Return what comes of a story that is told the port of a listener."""
    port = free_port()
    now = desk(HEAD.replace(f'listen: "{PORT}"', f'listen: "127.0.0.1:{port}"{text}'))
    config = now.channels_by_name["mail"]
    assert isinstance(config, smtp.Config)

    async def kept(arrivals: Sequence[Arrival]) -> list[Kept]:
        return [Kept(number, duplicate=False) for number, _ in enumerate(arrivals, 1)]

    async def serving() -> T:
        server = await smtp.listen(config, lambda: now, accept or kept, limits=limits or smtp.Limits())
        try:
            return await asyncio.to_thread(story, port)
        finally:
            server.close()

    return asyncio.run(serving())


def issue(authority: trustme.CA, folder: Path) -> str:
    """Write a new certificate and its key, and return the settings that name them."""
    made = authority.issue_cert("localhost")
    for name, content in (("cert", made.cert_chain_pems[0].bytes()), ("key", made.private_key_pem.bytes())):
        (folder / "new").write_bytes(content)
        (folder / "new").rename(folder / f"{name}.pem")
    return f", tls: {{certificate: file:{folder}/cert.pem, key: file:{folder}/key.pem, mode: implicit}}"


def serial(port: int, authority: trustme.CA) -> int:
    """Return the serial number of the certificate a listener shows."""
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as secret,
    ):
        shown = secret.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)


def test_a_renewed_certificate_is_used_for_the_next_connection_and_a_broken_one_never(tmp_path: Path) -> None:
    authority = trustme.CA()
    settings = issue(authority, tmp_path)

    def story(port: int) -> list[int]:
        first = serial(port, authority)
        issue(authority, tmp_path)
        second = serial(port, authority)
        (tmp_path / "cert.pem").write_text("half a certif")
        third = serial(port, authority)
        issue(authority, tmp_path)
        return [first, second, third, serial(port, authority)]

    first, second, third, fourth = listening(settings, story)
    assert second == third
    assert len({first, second, fourth}) == 3


def test_a_certificate_that_is_not_there_keeps_the_listener_from_starting_and_says_why(tmp_path: Path) -> None:
    settings = issue(trustme.CA(), tmp_path)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(OSError, match=r"key\.pem cannot be used: No such file"):
        listening(settings, lambda _port: None)


def test_connections_are_counted_over_all_and_for_each_peer_and_counted_off() -> None:
    def story(port: int) -> list[bytes]:
        heard = []
        for _ in range(2):
            with ExitStack() as stack:
                for number in range(3):
                    peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                    said = stack.enter_context(peer.makefile("rb")).readline()
                    heard.append(said[:9])
                    if number < 2:
                        assert said.startswith(b"220")
            _until(lambda: _greeted(port))
        return heard

    for limit in ("connections: 2", "connections_per_peer: 2"):
        assert listening(f", {limit}", story) == [b"220 suppo", b"220 suppo", b"421 4.3.2"] * 2


def _greeted(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 10) as peer, peer.makefile("rb") as file:
        return file.readline().startswith(b"220")


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end


def test_an_ended_handshake_does_not_count_for_ever(tmp_path: Path) -> None:
    authority = trustme.CA()
    settings = issue(authority, tmp_path) + ", connections_per_peer: 1"

    def story(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            plain.sendall(b"EHLO this is no handshake\r\n")
            while plain.recv(4096):
                pass
        found = []

        def encrypted() -> bool:
            with contextlib.suppress(OSError):
                found.append(serial(port, authority))
            return bool(found)

        _until(encrypted)
        return found[0]

    assert listening(settings, story)


def test_ten_wrong_passwords_from_one_address_make_it_wait() -> None:
    now = [0.0]
    peers = Peers(lambda: now[0])
    for number in range(LOGIN_FAILURES):
        assert peers.may_guess("2001:db8::1")
        peers.guessed_wrong(f"2001:db8::{number}")  # one machine may own all of a /64
    assert not peers.may_guess("2001:db8::1")
    assert peers.may_guess("2001:db8:0:1::1")
    now[0] = LOGIN_SECONDS + 1
    assert peers.may_guess("2001:db8::1")
    peers.guessed_wrong("2001:db8::1")
    assert peers.may_guess("2001:db8::1")


def test_more_unfinished_mails_than_memory_allows_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.channels.smtp.connection.MOST_IN_HAND", 100_000)

    def story(port: int) -> list[tuple[int, bytes]]:
        answers = []
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            for size in (300_000, 1_000):
                client.ehlo()
                client.mail("ann@example.com")
                client.rcpt("billing@acme.example")
                answers.append(client.data(mail("a@x", text="x" * size)))
        return answers

    assert [code for code, _ in listening("", story)] == [452, 250]


def test_two_listeners_share_a_port_only_when_both_are_told_to() -> None:
    port = free_port()
    config = smtp.Config(name="mail", listen=f"127.0.0.1:{port}")

    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    async def both(*, reuse_port: bool) -> None:
        one = await smtp.listen(config, desk, accept, reuse_port=reuse_port)
        try:
            (await smtp.listen(config, desk, accept, reuse_port=reuse_port)).close()
        finally:
            one.close()

    asyncio.run(both(reuse_port=True))
    with pytest.raises(OSError, match="in use"):
        asyncio.run(both(reuse_port=False))


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        (
            'listen: "0.0.0.0:25", users: [{name: a, password: env:X}]',
            "channels.0: users send passwords, so the channel needs tls",
        ),
        ('listen: "0.0.0.0:25", protocol: lmtp', "channels.0: LMTP must not be spoken on port 25"),
        ('listen: "0.0.0.0:25", allowed_peers: [10.0.0.1/8]', "channels.0.allowed_peers.0: not a network"),
        (
            'listen: "0.0.0.0:25", tls: {certificate: a.pem, key: "file:b.pem"}',
            "channels.0.tls.certificate: must be a reference",
        ),
        (
            'listen: "0.0.0.0:465", proxies: [10.0.0.1], tls: {certificate: "file:a", key: "file:b", mode: implicit}',
            "channels.0: a PROXY header cannot stand before implicit TLS",
        ),
        (
            f'listen: "{PORT}"}}\n  - {{name: more, type: smtp, listen: "{PORT}", max_size: 5000',
            f"channels.1.max_size: more shares {PORT} with channels.0; max_size must be the same in both",
        ),
        (
            (
                f'listen: "{PORT}", addresses: [a@b.example]}}\n'
                f'  - {{name: more, type: smtp, listen: "{PORT}", addresses: [A@b.example]'
            ),
            'channels.1.addresses.0: the address "a@b.example" is already taken by channels.0',
        ),
    ],
)
def test_what_cannot_be_is_told_by_the_check(channels: str, says: str) -> None:
    with pytest.raises(DeskError) as refused:
        desk(HEAD.replace(f'listen: "{PORT}"', channels))
    assert [says in str(problem) for problem in refused.value.problems] == [True], str(refused.value)
