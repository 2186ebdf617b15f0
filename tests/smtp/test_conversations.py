"""Every conversation in `conversations/` is held with a real listener, a real inbox and SQLite."""

import asyncio
import shutil
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from ingest.arrival import Arrival, Kept
from ingest.channels import smtp
from ingest.inbox import Inbox
from tests.desks import HEAD, desk
from tests.services import free_port
from tests.smtp.conversation import HERE, Client, Conversation, read
from tickets.store import Store
from tickets.trouble import Temporary

USUAL = '{name: mail, type: smtp, listen: "127.0.0.1:PORT", max_size: 4096}'


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Give an authority the clients trust."""
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Path:
    """Give a folder with the listener's certificate and key."""
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return tmp_path


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_the_conversation_goes_as_written(
    path: Path,
    authority: trustme.CA,
    certificate: Path,
    migrated_sqlite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "correct horse")
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    said = read(path)
    database = tmp_path / "frontdesk.sqlite3"
    shutil.copyfile(migrated_sqlite, database)
    store = Store(f"sqlite:///{database}")
    inbox = Inbox(store)
    inbox.start()
    try:
        asyncio.run(_hold(said, certificate, inbox, lambda peer: Client(said, peer, trusting(authority), database)))
    finally:
        inbox.stop()
        store.close()


async def _hold(said: Conversation, certificate: Path, inbox: Inbox, client: Callable[[socket.socket], Client]) -> None:
    port = free_port()
    tls = f"certificate: file:{certificate}/cert.pem, key: file:{certificate}/key.pem"
    lines = [line.replace("PORT", str(port)).replace("TLS", tls) for line in said.channels or (USUAL,)]
    now = desk(
        HEAD.replace('  - {name: mail, type: smtp, listen: "127.0.0.1:8025"}\n', "".join(f"  - {x}\n" for x in lines))
    )
    config = now.channels[0]
    assert isinstance(config, smtp.Config)

    async def accept(arrivals: Sequence[Arrival]) -> list[Kept]:
        if said.failing:
            raise Temporary("the disk is full")
        return await inbox.accepted(arrivals)

    server = await smtp.listen(config, lambda: now, accept, limits=replace(smtp.Limits(), **said.limits))
    try:
        await asyncio.to_thread(lambda: client(socket.create_connection(("127.0.0.1", port), 10)).play())
    finally:
        server.close()
