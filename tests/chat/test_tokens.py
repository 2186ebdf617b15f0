"""Who a visitor is: tokens that only this desk signs, tokens of a host site, and nothing that somebody merely says."""

import time

import jwt
import pytest

from config.model import MissingSecretError, Secret
from ingest.channels.chat.tokens import InvalidTokenError, Tokens, Visitor, is_minted

KEY = b"k" * 32
SITE = "a secret of the host site, 32 bytes and more"
SITE_KEY = Secret("env:SITE_KEY")


@pytest.fixture(autouse=True)
def site_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secret the host site shares with us."""
    monkeypatch.setenv("SITE_KEY", SITE)


@pytest.fixture
def tokens() -> Tokens:
    """Give the tokens of a channel."""
    return Tokens(KEY, "site")


def site_token(key: str = SITE, algorithm: str | None = "HS256", **said: object) -> str:
    claims = {"sub": "17", "exp": time.time() + 600, **said}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def test_a_token_leads_back_to_its_visitor_and_to_no_other(tokens: Tokens) -> None:
    one, other = tokens.anonymous(), tokens.anonymous()
    assert one.id != other.id
    assert is_minted(one.id)
    back = tokens.visitor(tokens.token(one, time.time()))
    assert (back.id, back.verified, back.name) == (one.id, False, "")
    assert back.since == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize(
    "token",
    [
        Tokens(KEY, "other").token(Visitor("v." + "a" * 26), time.time()),
        Tokens(b"x" * 32, "site").token(Visitor("v." + "a" * 26), time.time()),
        Tokens(KEY, "site").token(Visitor("v." + "a" * 26), time.time() - 91 * 86_400),
        Tokens(KEY, "site").token(Visitor("u." + "a" * 26), time.time() - 13 * 3600),
        Tokens(KEY, "site").token(Visitor("somebody"), time.time()),
        jwt.encode({"sub": "v." + "a" * 26, "aud": "site", "exp": time.time() + 60}, "", "none"),
        jwt.encode({"sub": "v." + "a" * 26, "aud": "site", "exp": time.time() + 60}, KEY * 2, "HS512"),
        jwt.encode({"sub": "v." + "a" * 26, "aud": "site"}, Tokens(KEY, "site")._key("visitors"), "HS256"),
        jwt.encode({"aud": "site", "exp": time.time() + 60}, Tokens(KEY, "site")._key("visitors"), "HS256"),
        site_token(),
        "",
        "a.b.c",
        "é.ü.ß",
        "x" * 100_000,
        "\ud800",
    ],
    ids=[
        "of another channel", "of another desk", "expired", "a user's after half a day", "of nobody we made", "alg none",
        "another alg", "for ever", "without a visitor", "of the host site", "empty", "no JSON", "not ASCII", "long", "surrogate",
    ],
)  # fmt: skip
def test_what_is_no_token_of_this_channel_is_none(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidTokenError):
        tokens.visitor(token)


def test_an_algorithm_the_token_names_itself_is_not_believed(tokens: Tokens) -> None:
    head, body, signature = tokens.token(tokens.anonymous(), time.time()).split(".")
    none = jwt.utils.base64url_encode(b'{"alg":"none","typ":"JWT"}').decode()
    for forged in (
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-2]}",
    ):
        with pytest.raises(InvalidTokenError):
            tokens.visitor(forged)


def test_a_user_of_the_host_site_is_the_same_visitor_each_time_with_the_sites_name_and_address(tokens: Tokens) -> None:
    one = tokens.user(site_token(name="Ann\n Example", email="ann@example.com"), [SITE_KEY])
    again = tokens.user(site_token(), [SITE_KEY])
    assert (one.id, one.name, one.email, one.verified) == (again.id, "Ann Example", "ann@example.com", True)
    assert is_minted(one.id)
    assert tokens.user(site_token(sub="18"), [SITE_KEY]).id != one.id
    assert Tokens(KEY, "other").user(site_token(), [SITE_KEY]).id != one.id
    back = tokens.visitor(tokens.token(one, time.time()))
    assert (back.id, back.name, back.email) == (one.id, one.name, one.email)


@pytest.mark.parametrize(
    "token",
    [
        site_token("another secret of the same length, or so it is"),
        site_token(exp=time.time() - 120),
        site_token(exp=time.time() + 7200),
        site_token(exp=None),
        site_token(exp=1e300),
        site_token(sub=None),
        site_token(sub=""),
        site_token("", None),
        site_token(nbf=time.time() + 600),
        "",
    ],
    ids=[
        "wrong secret",
        "expired",
        "for two hours",
        "for ever",
        "for longer",
        "nobody",
        "empty",
        "alg none",
        "not yet",
        "none",
    ],
)
def test_what_the_host_site_did_not_sign_or_not_for_now_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidTokenError):
        tokens.user(token, [SITE_KEY])


def test_every_secret_of_a_site_is_right_so_that_one_can_be_changed(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_KEY", "the next secret of the host site, just as long")
    both = [Secret("env:NEW_KEY"), SITE_KEY]
    assert tokens.user(site_token(), both) == tokens.user(
        site_token("the next secret of the host site, just as long"), both
    )
    with pytest.raises(InvalidTokenError, match="no site_secrets"):
        tokens.user(site_token(), [])


@pytest.mark.parametrize("value", ["", "short"])
def test_a_secret_that_is_missing_or_can_be_guessed_is_our_trouble(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SITE_KEY", value)
    with pytest.raises(MissingSecretError):
        tokens.user(site_token(), [SITE_KEY])


def test_a_stamp_holds_for_what_and_until_when_it_was_made(tokens: Tokens) -> None:
    stamp = tokens.stamp("file.a", time.time() + 60)
    assert tokens.is_stamped("file.a", stamp)
    assert not tokens.is_stamped("file.b", stamp)
    assert not Tokens(KEY, "other").is_stamped("file.a", stamp)
    ends, _, proof = stamp.partition(".")
    for wrong in (f"{int(ends) + 1}.{proof}", f"{ends}.", f"{ends}.{proof}x", "", ".", "x.y", "٣.a", f"{ends}.é\ud800"):
        assert not tokens.is_stamped("file.a", wrong)
    assert not tokens.is_stamped("file.a", tokens.stamp("file.a", time.time() - 1))


def worked(salt: str, bits: int) -> str:
    import hashlib

    number = 0
    while int.from_bytes(hashlib.sha256(f"{salt}:{number}".encode()).digest()) >> (256 - bits):
        number += 1
    return f"{salt}:{number}"


def test_a_proof_of_work_counts_for_its_visitor_only(tokens: Tokens) -> None:
    proof = worked(tokens.salt("v.ann"), 8)
    assert tokens.has_worked("v.ann", proof, 8)
    assert not tokens.has_worked("v.bob", proof, 8)
    assert not tokens.has_worked("v.ann", proof, 40)
    own = worked("salt.of.their.own", 8)
    hostile: list[object] = [own, None, 5, {}, "", ":", "x" * 1000, "\ud800"]
    assert [wrong for wrong in hostile if tokens.has_worked("v.ann", wrong, 8)] == []


@pytest.mark.parametrize(
    ("visitor", "minted"),
    [
        ("v." + "a" * 26, True),
        ("u." + "2" * 26, True),
        ("v." + "a" * 26 + "/offline/\n1", True),
        ("v.1", False),
        ("0f8fad5b", False),
        ("v." + "A" * 26, False),
        ("w." + "a" * 26, False),
    ],
)
def test_ids_that_only_tokens_may_use_are_told_from_those_programs_make(visitor: str, minted: bool) -> None:
    assert is_minted(visitor) is minted
