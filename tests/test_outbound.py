"""Asking platforms: only where it is meant, with the right name, without giving secrets away, within a size and a time."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import outbound
from ingest.outbound import Answered, Outbound, origin, public
from tests.outside import Say, World, page
from tickets.trouble import Permanent, Temporary

outside = pytest.mark.usefixtures("loopback_is_outside")


def refused(ask: Callable[[], object]) -> tuple[str | None, str]:
    """Return the kind and the words of the failure that must come."""
    with pytest.raises((Temporary, Permanent)) as caught:
        ask()
    assert isinstance(caught.value, Temporary | Permanent)
    return caught.value.kind, str(caught.value)


# --- where it goes ---------------------------------------------------------------------------------------------------

NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
    "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_into_our_own_network_is_not_asked(address: str) -> None:
    out = Outbound(resolve=lambda _host, _port: [address])
    kind, words = refused(lambda: out.file("https://files.example/a"))
    assert (kind, words) == ("invalid", "files.example has no public address; nothing was asked there")


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_the_public_internet_is_public(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "0", "[::1]",
        "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "①②⑦.0.0.1",
    ],
)  # fmt: skip
def test_every_way_to_write_this_machine_is_known(host: str) -> None:
    kind, _ = refused(lambda: Outbound().call("GET", f"https://{host}/"))
    assert kind in ("invalid", "transient")  # transient: a resolver that does not take the form


@pytest.mark.parametrize(
    "url",
    ["http://files.example/a", "ftp://files.example/a", "file:///etc/passwd", "//files.example/a", "a", "", "https://",
     "https:///a", "javascript:alert(1)", "https://files.example:99999/", "https://files.example:x/", "https://[::1/",
     "https://a..b/", f"https://{'a' * 64}.example/", "https://a\x00b/", "telegram:AgAC"],
)  # fmt: skip
def test_what_is_no_https_url_is_not_asked(url: str) -> None:
    assert refused(lambda: Outbound().call("GET", url))[0] == "invalid"
    assert refused(lambda: Outbound().file(url))[0] == "invalid"


@given(st.text() | st.text("htps:/.@#?[]%\\10 -\n\0é").map("https://".__add__))
def test_whatever_stands_in_a_url_ends_as_a_failure(url: str) -> None:
    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("not known")

    refused(lambda: Outbound(resolve=unknown).file(url))
    assert origin(url) in ("", origin(url))


@outside
def test_of_the_addresses_of_a_name_only_the_public_ones_are_asked(world: World) -> None:
    there = world.serve(page(b"public"), names=["files.example"])
    inside = world.serve(page(b"private"), names=["files.example"], address="127.0.0.2", port=there.port)
    world.known["files.example"] = ("127.0.0.2", "127.0.0.1", "127.0.0.2")
    assert world.out().file(there.url()).data == b"public"
    assert inside.hellos == []


@outside
def test_the_connection_goes_to_the_address_that_was_checked_with_the_name_that_was_meant(world: World) -> None:
    there = world.serve(page(b"hello"), names=["files.example"])
    assert world.out().file(there.url("/a?b=%20c")).data == b"hello"
    assert world.asked == ["files.example"]  # once: another answer a moment later would not be seen
    assert there.hellos == ["files.example"]
    assert there.header("host") == f"files.example:{there.port}"
    assert there.heads[0].startswith("GET /a?b=%20c HTTP/1.1")


@outside
def test_a_name_in_any_script_is_asked_as_the_internet_writes_it(world: World) -> None:
    there = world.serve(page(), names=["xn--mller-kva.example"])
    assert world.out().call("GET", there.url(host="Müller.example")).ok
    assert there.hellos == ["xn--mller-kva.example"]


@outside
def test_a_server_with_another_name_is_not_believed(world: World) -> None:
    there = world.serve(page(), names=["evil.example"])
    world.known["files.example"] = ("127.0.0.1",)
    kind, words = refused(lambda: world.out().file(there.url(host="files.example")))
    assert kind == "transient"
    assert "certificate" in words
    assert there.heads == []


def test_an_address_that_does_not_answer_makes_way_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "public", lambda _address: True)
    there = world.serve(page(b"hello"), names=["files.example"])
    world.known["files.example"] = ("127.0.0.9", "127.0.0.1")
    assert world.out().file(there.url()).data == b"hello"


def test_an_origin_of_the_operator_may_be_anywhere_and_without_tls(world: World) -> None:
    there = world.serve(page(b'{"ok": true}'))
    out = Outbound(own=[origin(there.url())])
    assert out.call("GET", there.url("/a")).json == {"ok": True}
    assert refused(lambda: Outbound(own=["http://127.0.0.1:1"]).call("GET", there.url()))[0] == "invalid"
    assert len(there.heads) == 1


@outside
def test_an_origin_is_the_same_however_it_is_written(world: World) -> None:
    there = world.serve(page(), names=["files.example"])
    assert origin(f"HTTPS://Files.Example:{there.port}/a?b#c") == origin(there.url()) == there.url("")
    assert origin("https://files.example:443/") == "https://files.example"
    assert [origin(one) for one in ("", "https://", "https://", "tel:+49", "https://a:b/")] == [""] * 5


@outside
def test_no_proxy_of_the_environment_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    there = world.serve(page(b"hello"), names=["files.example"])
    assert world.out().file(there.url()).data == b"hello"


# --- redirects -------------------------------------------------------------------------------------------------------


def moved(to: str, status: str = "302 Found") -> bytes:
    return page(b"", status, Location=to)


@outside
def test_a_file_is_followed_and_secrets_stay_with_the_first_origin(world: World) -> None:
    store = world.serve(page(b"the file"), names=["store.example"])
    there = world.serve(moved("/b"), moved(store.url("/signed?x=1"), "307 Temporary Redirect"), names=["api.example"])
    found = world.out().file(there.url("/a"), headers={"Authorization": "Bearer t", "X-Key": "k"})
    assert found.data == b"the file"
    assert [there.header("authorization", which) for which in (0, 1)] == ["Bearer t", "Bearer t"]
    assert there.heads[1].startswith("GET /b ")
    assert (store.header("authorization"), store.header("x-key"), store.header("cookie")) == (None, None, None)
    assert store.hellos == ["store.example"]


@outside
def test_a_login_stays_with_the_first_origin_another_port_is_another(world: World) -> None:
    other = world.serve(page(b"the file"), names=["api.example"])
    there = world.serve(moved(other.url()), names=["api.example"])
    assert world.out().file(there.url(), login=("AC1", "token")).data == b"the file"
    assert there.header("authorization") == "Basic QUMxOnRva2Vu"
    assert other.header("authorization") is None


@outside
def test_secrets_come_back_when_a_redirect_does(world: World) -> None:
    there = world.serve(moved("https://other.example:{port}/"), page(b"the file"), names=["api.example"])
    other = world.serve(moved(there.url("/c")), names=["other.example"])
    there.answers[0] = moved(other.url())
    assert world.out().file(there.url(), headers={"X-Key": "k"}).data == b"the file"
    assert (there.header("x-key"), other.header("x-key")) == ("k", None)


@outside
@pytest.mark.parametrize(
    "to",
    ["https://127.0.0.2/", "https://inside.example/", "https://[::1]/", "http://api.example/", "file:///etc/passwd",
     "https://[/", "//[", "ftp://api.example/", "https://a..b/", "\x7f://"],
)  # fmt: skip
def test_a_redirect_is_checked_like_the_first_url(world: World, to: str) -> None:
    there = world.serve(moved(to), names=["api.example"])
    world.known |= {"inside.example": ("10.0.0.1",), "127.0.0.2": ("127.0.0.2",), "::1": ("::1",)}
    kind, _ = refused(lambda: world.out().file(there.url()))
    assert kind == "invalid" or to == "https://a..b/"  # which the resolver of this world does not know
    assert len(there.heads) == 1


@outside
def test_strangers_do_not_send_us_to_an_origin_of_the_operator(world: World) -> None:
    proxy = world.serve(page(b"internal"))
    there = world.serve(moved(proxy.url("/admin")), names=["api.example"])
    out = Outbound(own=[origin(proxy.url())], resolve=world.resolve, trust=world.trust)
    kind, words = refused(lambda: out.file(there.url()))
    assert kind == "invalid"
    assert "strangers" in words
    assert proxy.heads == []


@outside
def test_redirects_end(world: World) -> None:
    there = world.serve(moved("/again"), names=["api.example"])
    assert refused(lambda: world.out().file(there.url()))[0] == "invalid"
    assert len(there.heads) == 1 + outbound.MOST_REDIRECTS


@outside
def test_a_call_is_never_redirected(world: World) -> None:
    there = world.serve(moved("https://other.example/"), names=["api.example"])
    assert world.out().call("POST", there.url(), json={}).status == 302


# --- how much, and how long --------------------------------------------------------------------------------------------


def chunked(size: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + (b"400\r\n" + b"x" * 1024 + b"\r\n") * (size // 1024) + b"0\r\n\r\n"


@outside
@pytest.mark.parametrize("answer", [page(b"x" * 4096), chunked(4096)], ids=["declared", "chunked"])
def test_a_file_that_is_too_large_is_not_taken(world: World, answer: bytes) -> None:
    there = world.serve(answer, names=["files.example"])
    assert len(world.out().file(there.url(), most=4096).data) == 4096
    assert refused(lambda: world.out().file(there.url(), most=4095))[0] == "too_long"


@outside
def test_a_file_that_says_it_is_too_large_is_not_waited_for(world: World) -> None:
    there = world.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", names=["files.example"])
    assert refused(lambda: world.out().file(there.url()))[0] == "too_long"


@outside
def test_an_answer_that_is_too_large_is_not_taken(world: World) -> None:
    there = world.serve(page(b"x" * (outbound.CALL_BYTES + 1)), names=["files.example"])
    assert refused(lambda: world.out().call("GET", there.url()))[0] == "too_long"


def trickle(first: bytes, more: bytes) -> Say:
    """Return what a server does that always says a little more."""

    def say(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(first)
            for _ in range(200):
                connection.sendall(more)
                time.sleep(0.02)  # the slowness is what is tested

    return say


@outside
@pytest.mark.parametrize(
    "say",
    [
        trickle(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
        trickle(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        lambda connection: connection.recv(1),
    ],
    ids=["headers", "a header", "body", "chunks", "a chunk's head", "hints", "silence"],
)
def test_a_server_that_trickles_is_given_up_in_time(world: World, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "CALL_SECONDS", 0.4)
    monkeypatch.setattr(outbound, "FILE_SECONDS", 0.4)
    there = world.serve(say, names=["files.example"])
    for ask in (lambda: world.out().call("GET", there.url()), lambda: world.out().file(there.url())):
        begun = time.monotonic()
        assert refused(ask)[0] == "transient"
        assert time.monotonic() - begun < 2


@outside
def test_a_file_and_its_redirects_share_their_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "FILE_SECONDS", 0.5)

    def slowly(connection: socket.socket) -> None:
        time.sleep(0.3)  # the slowness is what is tested
        connection.sendall(moved("/again"))

    there = world.serve(slowly, names=["files.example"])
    assert refused(lambda: world.out().file(there.url()))[0] == "transient"


@outside
@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP at all\r\n\r\n", page(b"x" * 10)[:-5], b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
    ids=["hangs up", "no HTTP", "broken off", "nonsense"],
)
def test_a_broken_answer_means_later(world: World, answer: bytes) -> None:
    there = world.serve(answer, names=["files.example"])
    kind, words = refused(lambda: world.out().call("GET", there.url()))
    assert kind == "transient"
    assert words.startswith("files.example cannot be asked: ")


def test_a_name_nobody_knows_means_later(world: World) -> None:
    kind, words = refused(lambda: world.out().file("https://nowhere.example/"))
    assert (kind, "nowhere.example" in words) == ("transient", True)


# --- what is said ------------------------------------------------------------------------------------------------------


@outside
def test_a_call_says_what_it_is_given(world: World) -> None:
    there = world.serve(page(), names=["api.example"])
    out = world.out()
    out.call("POST", there.url("/json"), json={"a": "é"}, headers={"Authorization": "Bearer t", "Host": "evil.example"})
    assert json.loads(there.bodies[-1]) == {"a": "é"}
    assert there.header("authorization") == "Bearer t"
    assert there.header("host") == f"api.example:{there.port}"
    assert there.header("accept-encoding") == "identity"
    out.call("POST", there.url("/form"), form={"a": "b c", "d": ["1", "2"]}, login=("AC1", "token"))
    assert there.bodies[-1] == b"a=b+c&d=1&d=2"
    assert there.header("authorization") == "Basic QUMxOnRva2Vu"
    out.call("POST", there.url("/files"), form={"a": "b"}, files={"document": ("a.txt", b"hi", "text/plain")})
    assert all(part in there.bodies[-1] for part in (b'name="a"', b'filename="a.txt"', b"text/plain", b"hi"))
    out.call("PUT", there.url("/raw"), content=b"\0raw")
    assert (there.heads[-1].partition(" ")[0], there.bodies[-1]) == ("PUT", b"\0raw")


@outside
@pytest.mark.parametrize("secret", ["s3cret\n", "s3cret\r\nX-A: b", "s3crét", "s3cret\0"])
def test_a_secret_that_cannot_be_sent_is_not_told(world: World, secret: str) -> None:
    there = world.serve(page(), names=["api.example"])
    kind, words = refused(lambda: world.out().call("POST", there.url(), headers={"Authorization": f"Bearer {secret}"}))
    assert kind == "auth"
    assert "s3cr" not in words
    assert "secret" in words
    assert there.heads == []
    kind, words = refused(lambda: world.out().call("GET", f"https://api.example/bot{secret}\n/getMe"))
    assert "s3cr" not in words


@outside
def test_an_answer_is_returned_whatever_its_status(world: World) -> None:
    there = world.serve(page(b'{"error": 1}', "429 Too Many Requests", retry_after="7"), names=["api.example"])
    answered = world.out().call("GET", there.url())
    assert (answered.status, answered.ok, answered.json, answered.retry_after) == (429, False, {"error": 1}, 7.0)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("30", 30.0), (" 0 ", 0.0), ("86400", 3600.0), ("", None), ("-1", None), ("1.5", None), ("soon", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("9" * 50, None), ("٣", None)],
)  # fmt: skip
def test_only_a_number_of_seconds_is_a_wait(said: str, seconds: float | None) -> None:
    assert Answered(429, {"retry-after": said}, b"").retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b"no"])
def test_what_is_no_json_object_is_an_empty_one(body: bytes) -> None:
    assert Answered(200, {}, body).json == {}


@outside
@pytest.mark.parametrize(
    ("status", "kind"),
    [("401 Unauthorized", "auth"), ("403 Forbidden", "auth"), ("404 Not Found", "not_found"), ("410 Gone", "not_found"),
     ("400 Bad Request", "not_found"), ("304 Not Modified", "not_found"), ("202 Accepted", "transient"),
     ("500 Oops", "transient"), ("503 Later", "transient"), ("429 Too Many Requests", "rate_limited")],
)  # fmt: skip
def test_a_file_that_is_not_given_out_is_told_by_kind(world: World, status: str, kind: str) -> None:
    there = world.serve(page(b"", status, retry_after="9"), names=["files.example"])
    with pytest.raises((Temporary, Permanent)) as caught:
        world.out().file(there.url())
    assert isinstance(caught.value, Temporary | Permanent)
    assert caught.value.kind == kind
    if kind in ("transient", "rate_limited"):
        assert getattr(caught.value, "retry_after", None) == 9.0


@outside
@pytest.mark.parametrize(
    ("headers", "content_type", "filename"),
    [
        ({}, "", ""),
        ({"Content_Type": "image/png"}, "image/png", ""),
        ({"Content_Disposition": 'attachment; filename="a b.png"'}, "", "a b.png"),
        ({"Content_Disposition": "attachment; filename*=UTF-8''%C3%A9.png"}, "", "é.png"),
        ({"Content_Disposition": "attachment; filename*=nonsense''%C3"}, "", None),
        ({"Content_Disposition": "filename"}, "", None),
    ],
)
def test_a_file_has_the_names_its_server_gives_it(
    world: World, headers: Mapping[str, str], content_type: str, filename: str | None
) -> None:
    there = world.serve(page(b"data", **headers), names=["files.example"])
    found = world.out().file(there.url())
    assert (found.data, found.content_type) == (b"data", content_type)
    assert filename is None or found.filename == filename


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0")))
def test_whatever_a_server_calls_a_file_it_is_taken(said: str) -> None:
    found: Any = outbound._file(
        Answered(200, {"content-disposition": f"attachment; {said}"}, b"x"), "https://a.example"
    )
    assert isinstance(found.filename, str)


def test_many_threads_may_ask_at_once(world: World) -> None:
    there = world.serve(page(b'{"ok": true}'))
    out, found = Outbound(own=[there.url("")]), []
    threads = [threading.Thread(target=lambda: found.append(out.call("GET", there.url()).ok)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
