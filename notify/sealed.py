"""What Web Push needs of cryptography: payloads sealed for one device (RFC 8291), and the word of who sends (RFC 8292).

It costs a tenth of a second to import, and only who pushes imports it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from tickets.devices import Device
from tickets.keys import vapid_key
from tickets.store import Store


def sealed(body: bytes, device: Device) -> bytes:
    """Return a payload that only the device can open."""
    private, keys = ec.generate_private_key(ec.SECP256R1()), {"dh": device.p256dh, "auth_secret": device.auth}
    made: bytes = http_ece.encrypt(
        body, private_key=private, version="aes128gcm", **{name: _bytes(said) for name, said in keys.items()}
    )
    return made


def vapid(store: Store, claims: Mapping[str, Any]) -> str:
    """Return the `Authorization` of a push. Raises `Temporary`."""
    key = _key(store)
    return f"vapid t={jwt.encode(dict(claims), key, 'ES256')}, k={_public(key)}"


def public_key(store: Store) -> str:
    """Return what a browser subscribes with (`applicationServerKey`), in base64url. Raises `Temporary`."""
    return _public(_key(store))


def key_is_sound(p256dh: str, auth: str) -> bool:
    """Tell whether a device's keys are such: a point of the curve P-256, and 16 bytes (RFC 8291, 2)."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(p256dh))
        return len(_bytes(p256dh)) == 65 and len(_bytes(auth)) == 16
    except (ValueError, binascii.Error):
        return False


def _key(store: Store) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(vapid_key(store), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # tickets/keys.py made it
    return key


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(said: str) -> bytes:
    return base64.b64decode(said.rstrip("=") + "=" * (-len(said.rstrip("=")) % 4), altchars=b"-_", validate=True)
