"""What every trouble of a database must look like from outside: come back later, and then all goes on."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from tests.chaos.customers import all_routed, check_books
from tests.chaos.desk_process import DeskProcess, until
from tests.desks import mail
from tickets.store import Store

ANSWER_SECONDS = 30
CHAT = {"Content-Type": "application/json", "Origin": "https://acme.example"}


def chat(desk: DeskProcess, number: int) -> tuple[int, str | None]:
    """Post a chat message; return the status and after how many seconds to come back."""
    body = json.dumps({"visitor": f"v{number}", "client_msg_id": str(number), "text": "Hello?"}).encode()
    status, headers, _ = desk.ask("POST", "/chat/site/messages", body, CHAT)
    return status, headers.get("retry-after")


def comes_and_goes(desk: DeskProcess, trouble: Callable[[], AbstractContextManager[None]], times: int = 2) -> None:
    """Let trouble come over a running desk and go again; check every answer and, at the end, the books."""
    acknowledged: dict[str, str] = {}
    for turn in range(times):
        before, within = f"before{turn}@x", f"within{turn}@x"
        assert desk.mail(mail(before)).startswith("250")
        with trouble(), ThreadPoolExecutor() as threads:
            begun = time.monotonic()
            mailed = threads.submit(desk.mail, mail(within))
            chatted = threads.submit(chat, desk, turn)
            ready = threads.submit(desk.ask, "GET", "/readyz")
            assert mailed.result().startswith("451 4.3.0")
            status, retry_after = chatted.result()
            assert (status, int(retry_after or 0) > 0) == (503, True)
            assert ready.result()[0] == 503
            assert time.monotonic() - begun < ANSWER_SECONDS
            assert desk.ask("GET", "/healthz")[0] == 200
        until(lambda: desk.ask("GET", "/readyz")[0] == 200, 30, "the desk is ready again")
        assert desk.mail(mail(within)).startswith("250")
        assert chat(desk, turn)[0] == 202
        acknowledged |= {before: before, within: within, f"2:v{turn}:{turn}": f"v{turn}"}
    store = Store(desk.database)
    try:
        all_routed(store, 60)
        check_books(store, acknowledged)
    finally:
        store.close()
