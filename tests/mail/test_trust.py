"""Is a mail from the domain its From names: read from our server's header, or found out with real DNS on loopback."""

import base64
from collections.abc import Mapping
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from config.desk import TrustConfig
from ingest.mail.names import Names
from ingest.mail.trust import judge
from ingest.mail.verify import Verifier
from tests.mail.name_server import NameServer, Zone
from tickets.trust import Trust

READ = TrustConfig(authserv_id="mx.acme.example")
VERIFY = TrustConfig(verify=("dkim",))
MAIL = (
    b"From: Ann <ann@shop.example>\r\nSubject: Hi\r\nMessage-ID: <1@shop.example>\r\n\r\nWhere is  my parcel? \r\n\r\n"
)


@cache
def key(_domain: str) -> tuple[bytes, str]:
    """Return a private key in PEM and the DNS record of its public half; one for each domain."""
    made = rsa.generate_private_key(65537, 2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return pem, " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def zone(*domains: str, **more: str) -> Zone:
    """Return a zone with a key for each domain; `more` are DMARC records, by the domain with `_` for its dots and hyphens."""
    keys = {(f"s1._domainkey.{domain}", "TXT"): [key(domain)[1]] for domain in domains}
    names = {domain.replace(".", "_").replace("-", "_"): domain for domain in (*domains, *EXAMPLES)}
    policies = {(f"_dmarc.{names[name]}", "TXT"): [f'"{record}"'] for name, record in more.items()}
    return {**keys, **policies}


EXAMPLES = ("shop.example", "my-shop.example", "evil.example")


def signed(raw: bytes, domain: str, canon: tuple[bytes, bytes] = (b"relaxed", b"relaxed"), **how: bool) -> bytes:
    header: bytes = dkim.sign(raw, b"s1", domain.encode(), key(domain)[0], canonicalize=canon, **how)
    return header + raw


def found_out(raw: bytes, at: Zone, config: TrustConfig = VERIFY, meta: Mapping[str, str] | None = None) -> Trust:
    with NameServer(at) as server:
        verdict = judge(raw, meta or {}, config, Verifier(server.names()))
    assert verdict
    return verdict


def read(*headers: str, sender: str = "ann@shop.example") -> Trust:
    raw = "".join(f"{header}\r\n" for header in headers) + f"From: {sender}\r\nSubject: Hi\r\n\r\nHello\r\n"
    with NameServer({}) as server:
        verdict = judge(raw.encode(), {}, READ, Verifier(server.names()))
        assert server.asked == []
    assert verdict
    return verdict


# --- read from our own server's header -------------------------------------------------------------------------------


def test_without_trust_nothing_is_known() -> None:
    assert judge(MAIL, {}, None, Verifier()) is None


@pytest.mark.parametrize(
    ("header", "authentic"),
    [
        ("mx.acme.example; dmarc=pass (p=reject) header.from=shop.example", True),
        ("mx.acme.example; dmarc=pass header.from=other.example", None),
        ("mx.acme.example; dkim=pass header.d=shop.example header.s=s1; spf=fail smtp.mailfrom=a@x.example", True),
        ("mx.acme.example; dkim=pass header.i=@shop.example", True),
        ("mx.acme.example; dkim=pass header.d=evil.example", None),
        ("mx.acme.example; spf=pass smtp.mailfrom=bounce@shop.example; dmarc=none", True),
        ("mx.acme.example; dmarc=fail (p=none) header.from=shop.example; dkim=pass header.d=shop.example", False),
        ("MX.ACME.EXAMPLE 1; dmarc=pass header.from=shop.example", True),
        ("mx.acme.example; none", None),
        ("mx.evil.example; dmarc=pass header.from=shop.example", None),
        ("mx.acme.example.evil.example; dmarc=pass header.from=shop.example", None),
        ("i=1; mx.acme.example; dmarc=pass header.from=shop.example", None),
        ("mx.acme.example; dmarc=pass (", None),
        (f"mx.acme.example; dmarc=pass header.from=shop.example; dkim=pass ({'x' * 10_000})", None),
    ],
)
def test_our_servers_results_are_read_and_nobody_elses(header: str, authentic: bool | None) -> None:
    assert read(f"Authentication-Results: {header}").authentic is authentic


def test_of_two_headers_with_our_servers_name_the_upper_one_counts() -> None:
    ours = "Authentication-Results: mx.acme.example; dmarc=fail header.from=shop.example"
    forged = "Authentication-Results: mx.acme.example; dmarc=pass header.from=shop.example"
    assert read(ours, forged).authentic is False


def test_results_of_several_headers_of_our_server_add_up() -> None:
    verdict = read(
        "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom=shop.example",
        "Authentication-Results: mx.acme.example; dkim=fail header.d=shop.example",
    )
    assert (verdict.spf, verdict.dkim, verdict.authentic) == ("pass", "fail", True)


@pytest.mark.parametrize(
    "sender", ["ann@shop.example, eve@evil.example", "no address", "a@shop.example\r\nFrom: b@x.example"]
)
def test_a_mail_with_no_or_several_senders_is_nobodys(sender: str) -> None:
    verdict = read("Authentication-Results: mx.acme.example; dmarc=pass header.from=shop.example", sender=sender)
    assert verdict.authentic is False
    assert "From" in verdict.because


# --- found out here --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("canon", [(b"relaxed", b"relaxed"), (b"simple", b"simple"), (b"relaxed", b"simple")])
def test_a_signature_of_the_senders_domain_proves_it(canon: tuple[bytes, bytes]) -> None:
    verdict = found_out(signed(MAIL, "shop.example", canon), zone("shop.example", shop_example="v=DMARC1; p=reject"))
    assert (verdict.dkim, verdict.dmarc, verdict.authentic) == ("pass", "pass", True)


def test_blanks_that_relaxed_leaves_out_of_account_do_not_break_it() -> None:
    raw = signed(MAIL, "shop.example").replace(b"Where is  my parcel? ", b"Where is my\t parcel?\t")
    assert found_out(raw, zone("shop.example")).authentic is True


@pytest.mark.parametrize(
    ("was", "now"), [(b"my parcel", b"your money"), (b"Subject: Hi", b"Subject: Pay"), (b"ann@shop", b"eve@shop")]
)
def test_whatever_is_changed_breaks_the_signature(was: bytes, now: bytes) -> None:
    raw = signed(MAIL, "shop.example").replace(was, now)
    verdict = found_out(raw, zone("shop.example", shop_example="v=DMARC1; p=none"))
    assert (verdict.dkim, verdict.dmarc, verdict.authentic) == ("fail", "fail", False)


def test_anothers_signature_proves_nothing() -> None:
    verdict = found_out(signed(MAIL, "evil.example"), zone("evil.example", shop_example="v=DMARC1; p=reject"))
    assert (verdict.dkim, verdict.authentic) == ("pass", False)
    verdict = found_out(signed(MAIL, "evil.example"), zone("evil.example"))
    assert (verdict.dmarc, verdict.authentic) == ("none", None)


def test_of_several_signatures_the_right_one_counts_wherever_it_stands() -> None:
    at = zone("shop.example", "evil.example", shop_example="v=DMARC1; p=reject")
    assert found_out(signed(signed(MAIL, "shop.example"), "evil.example"), at).authentic is True
    assert found_out(signed(signed(MAIL, "evil.example"), "shop.example"), at).authentic is True


def test_a_sixth_signature_is_not_looked_at() -> None:
    raw = signed(MAIL, "shop.example")
    for _ in range(5):
        raw = signed(raw, "evil.example")
    assert found_out(raw, zone("shop.example", "evil.example")).authentic is None


def test_a_domain_ends_at_its_end_and_not_at_a_hyphen() -> None:
    raw = MAIL.replace(b"shop.example", b"my-shop.example")
    assert found_out(signed(raw, "my-other.example"), zone("my-other.example")).authentic is None
    assert found_out(signed(raw, "my-shop.example"), zone("my-shop.example")).authentic is True


def test_a_subdomain_stands_for_its_organisation_unless_the_policy_is_strict() -> None:
    raw = signed(MAIL, "mail.shop.example")
    assert found_out(raw, zone("mail.shop.example", shop_example="v=DMARC1; p=reject")).authentic is True
    assert found_out(raw, zone("mail.shop.example", shop_example="v=DMARC1; p=reject; adkim=s")).authentic is False


def test_two_tenants_of_one_public_suffix_are_strangers() -> None:
    raw = MAIL.replace(b"ann@shop.example", b"ann@shop.co.uk")
    assert found_out(signed(raw, "evil.co.uk"), zone("evil.co.uk")).authentic is None


def test_a_signature_over_a_part_of_the_body_does_not_count() -> None:
    raw = signed(MAIL, "shop.example", length=True) + b"Send money.\r\n"
    verdict = found_out(raw, zone("shop.example", shop_example="v=DMARC1; p=none"))
    assert (verdict.dkim, verdict.authentic) == ("pass", False)


def test_a_second_from_makes_it_nobodys_mail() -> None:
    raw = b"From: Boss <boss@acme.example>\r\n" + signed(MAIL, "shop.example")
    assert found_out(raw, zone("shop.example")).authentic is False


def test_two_policies_are_none() -> None:
    at = {**zone("shop.example"), ("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"']}
    assert found_out(signed(MAIL, "shop.example"), at).dmarc == "none"


def test_a_server_the_domain_names_may_send_for_it() -> None:
    config = TrustConfig(verify=("spf", "dkim"))
    at = {
        ("shop.example", "TXT"): ['"v=spf1 mx -all"'],
        ("shop.example", "MX"): ["10 mx.shop.example."],
        ("mx.shop.example", "A"): ["192.0.2.7"],
    }
    meta = {"peer": "192.0.2.7", "mail_from": "bounce@shop.example", "helo": "mx.shop.example"}
    verdict = found_out(MAIL, at, config, meta)
    assert (verdict.spf, verdict.dkim, verdict.authentic) == ("pass", "none", True)
    verdict = found_out(MAIL, at, config, {**meta, "peer": "192.0.2.8"})
    assert (verdict.spf, verdict.authentic) == ("fail", None)
    other = {**at, ("evil.example", "TXT"): ['"v=spf1 +all"']}
    verdict = found_out(MAIL, other, config, {**meta, "peer": "192.0.2.8", "mail_from": "x@evil.example"})
    assert (verdict.spf, verdict.authentic) == ("pass", None)


@pytest.mark.parametrize("way", [{"user": "relay"}, {"protocol": "lmtp"}, {"peer": ""}])
def test_a_server_of_ours_in_between_says_nothing_about_the_senders(way: Mapping[str, str]) -> None:
    at = {("shop.example", "TXT"): ['"v=spf1 ip4:192.0.2.7 -all"']}
    meta = {"peer": "192.0.2.7", "mail_from": "bounce@shop.example", "helo": "mx.shop.example", **way}
    verdict = found_out(MAIL, at, TrustConfig(verify=("spf",)), meta)
    assert (verdict.spf, verdict.authentic) == ("none", None)


@pytest.mark.parametrize(
    "record", ["v=spf1 include:shop.example -all", "v=spf1 exists:%{l}.%{d}.x -all", "v=spf1 a:" + "x." * 200 + " -all"]
)
def test_an_spf_record_that_loops_or_breaks_is_an_error_of_its_owner(record: str) -> None:
    meta = {"peer": "192.0.2.7", "mail_from": "x@shop.example", "helo": "h"}
    pieces = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
    verdict = found_out(MAIL, {("shop.example", "TXT"): [pieces]}, TrustConfig(verify=("spf",)), meta)
    assert verdict.spf in ("permerror", "fail")
    assert verdict.authentic is None


def test_a_silent_name_server_leaves_it_open() -> None:
    with NameServer({}, silent=True) as server:
        verdict = judge(signed(MAIL, "shop.example"), {}, VERIFY, Verifier(server.names(lifetime=0.2)))
    assert verdict
    assert (verdict.dkim, verdict.dmarc, verdict.authentic) == ("temperror", "temperror", None)


# --- a forwarder's seal ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forwarded() -> bytes:
    """Give a mail a forwarder changed and sealed, after it had found its signature right."""
    raw = b"Authentication-Results: mx.relay.example; dkim=pass header.d=shop.example; arc=none\r\n" + signed(
        MAIL, "shop.example"
    )
    changed = raw.replace(b"Subject: Hi", b"Subject: [list] Hi")
    seal = dkim.arc_sign(
        changed,
        b"s1",
        b"relay.example",
        key("relay.example")[0],
        b"mx.relay.example",
        include_headers=[b"from", b"subject", b"message-id"],
    )
    return b"".join(seal) + changed


@pytest.mark.parametrize(
    ("sealers", "authentic"), [(("relay.example",), True), (("other.example",), False), ((), False)]
)
def test_a_believed_forwarder_vouches_for_what_it_changed(
    forwarded: bytes, sealers: tuple[str, ...], authentic: bool
) -> None:
    at = zone("shop.example", "relay.example", shop_example="v=DMARC1; p=reject")
    verdict = found_out(forwarded, at, TrustConfig(verify=("dkim",), sealers=sealers))
    assert (verdict.dkim, verdict.dmarc, verdict.authentic) == ("fail", "fail", authentic)


def test_a_seal_that_was_tampered_with_vouches_for_nothing(forwarded: bytes) -> None:
    at = zone("shop.example", "relay.example", shop_example="v=DMARC1; p=reject")
    config = TrustConfig(verify=("dkim",), sealers=("relay.example",))
    for was, now in ((b"my parcel", b"your money"), (b"ann@shop", b"eve@shop"), (b"header.d=shop", b"header.d=evil")):
        assert found_out(forwarded.replace(was, now), at, config).authentic is False


# --- hostile bytes -----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from([b"DKIM-Signature", b"ARC-Seal", b"Authentication-Results"]))
def test_no_header_breaks_the_judgement(value: bytes, name: bytes) -> None:
    raw = name + b": i=1; " + value.replace(b"\n", b" ") + b"\r\n" + MAIL
    nobody = Verifier(_Unasked())
    config = TrustConfig(verify=("dkim", "spf"), sealers=("relay.example",))
    verdicts = [judge(raw, {"peer": "not an address"}, one, nobody) for one in (READ, config)]
    assert all(verdict and verdict.authentic is not True for verdict in verdicts)


class _Unasked(Names):
    def ask(self, name: str, kind: str) -> list[tuple[str, ...]]:  # noqa: ARG002
        return []


def test_runs_of_blanks_cost_no_more_than_their_length() -> None:
    names, raw = (
        _Unasked(),
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=x.example; s=s; h=from; bh=AA==; b=AA==\r\n" + MAIL,
    )
    verdict = judge(
        raw + b" " * 5_000_000 + b"x\r\n", {}, VERIFY, Verifier(names)
    )  # the library alone takes hours for it
    assert verdict
    assert verdict.dkim == "fail"
