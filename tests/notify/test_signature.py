"""The desk's DKIM signature: others find it right, and nothing of what it stands for can be changed."""

from base64 import b64encode
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.problems import DeskError
from notify.email import Config, Email
from notify.mail import render
from notify.signature import Dkim, Signer, check_dkim
from tests.desks import HEAD, desk
from tests.notify.desk import NOW, a_note
from tests.notify.fakes import FakeRelay
from tickets.trouble import Temporary


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def told(key: rsa.RSAPrivateKey, tmp_path: Path) -> Dkim:
    file = tmp_path / "dkim.pem"
    file.write_bytes(pem(key))
    return Dkim.model_validate({"domain": "support.acme.example", "selector": "s1", "key": f"file:{file}"})


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def right(raw: bytes, key: rsa.RSAPrivateKey) -> bool:
    """Tell whether dkimpy finds the signature right, when the public key stands in DNS."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert (name, timeout) == (b"s1._domainkey.support.acme.example.", 5)
        return b"v=DKIM1; k=rsa; p=" + b64encode(public)

    return bool(dkim.verify(raw, dnsfunc=dns))


def test_every_mail_through_the_relay_is_signed_and_others_find_it_right(told: Dkim, key: rsa.RSAPrivateKey) -> None:
    note = a_note(text=".\n..  two   dots \n\n", subject="Žofia " * 30, stop_url="https://d.example/notices/stop/u.1.a")
    with FakeRelay() as relay:
        email = Email(Config.model_validate({"relay": relay.url, "dkim": told.model_dump()}))
        email.send(note)
        email.close()
    [mail] = relay.mails
    assert mail.raw.endswith(render(note))
    assert right(mail.raw, key)
    assert all(len(line) <= 78 for line in mail.raw.partition(b"Date:")[0].split(b"\r\n"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=st.text(max_size=200), text=st.text(max_size=2_000), customer=st.text(max_size=100))
def test_whatever_people_write_the_signature_is_right(
    told: Dkim, key: rsa.RSAPrivateKey, subject: str, text: str, customer: str
) -> None:
    assert right(Signer(told).signed(render(a_note(subject=subject, text=text, customer=customer))), key)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"\r\nSubject: [#123]", b"\r\nSubject: [#124]"),
        (b"\r\nDate:", b"\r\nSubject: another\r\nDate:"),
        (b"\r\nDate:", b"\r\nFrom: <x@evil.example>\r\nDate:"),
        (b"\r\nDate:", b"\r\nReply-To: <x@evil.example>\r\nDate:"),
        (b"where is my", b"where is your"),
        (b"List-Id:", b"List-Id: x"),
    ],
)
def test_nobody_on_the_way_changes_or_adds_what_counts(
    told: Dkim, key: rsa.RSAPrivateKey, there: bytes, instead: bytes
) -> None:
    raw = Signer(told, lambda: NOW).signed(render(a_note(act_address=None)))
    assert there in raw
    assert not right(raw.replace(there, instead, 1), key)


def test_a_key_that_cannot_sign_waits_for_the_operator_and_a_new_one_is_used_at_once(
    told: Dkim, key: rsa.RSAPrivateKey
) -> None:
    file, raw = Path(told.key.partition(":")[2]), render(a_note())
    signer = Signer(told)
    file.unlink()
    with pytest.raises(Temporary, match="cannot be read"):
        signer.signed(raw)
    for wrong in (b"no key", pem(ed25519.Ed25519PrivateKey.generate())):
        file.write_bytes(wrong)
        with pytest.raises(Temporary, match=r"dkim.*it is no") as error:
            signer.signed(raw)
        assert wrong.decode() not in str(error.value)
    file.write_bytes(pem(key))
    assert right(signer.signed(raw), key)


def test_check_tells_of_a_key_that_is_none_and_of_a_domain_that_does_not_fit(told: Dkim, tmp_path: Path) -> None:
    def told_by(**changes: str) -> list[str]:
        said = {**told.model_dump(), **changes}
        lines = ", ".join(f'{name}: "{value}"' for name, value in said.items())
        at = desk(HEAD.replace("notifiers:\n  email: {", f"notifiers:\n  email: {{dkim: {{{lines}}}, "))
        return [problem.message for problem in check_dkim(at)]

    assert told_by() == []
    assert told_by(domain="acme.example") == []
    assert told_by(key=f"file:{tmp_path / 'nowhere.pem'}") == []
    [words] = told_by(domain="cme.example")
    assert "DMARC" in words
    (tmp_path / "wrong.pem").write_text("no key")
    with pytest.raises(DeskError, match="no private key in PEM"):
        told_by(key=f"file:{tmp_path / 'wrong.pem'}")
