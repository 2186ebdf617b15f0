"""Blobs in an S3-compatible store (extra `s3`): `prefix/ab/abcdef…`, one PUT each, signed and checked by its SHA-256.

The URL is `s3://bucket/prefix`; the endpoint, region and credentials come from the usual `AWS_…` variables, or from query
parameters of the same names without `AWS_` (https://docs.rs/object_store, `AmazonS3ConfigKey`).
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from config.settings import WrongSettingError
from tickets.trouble import Temporary

REQUEST_SECONDS = 10
"""One request; with one repetition it stays below the 25 s a sender waits for its commit."""


class S3Shelf:
    """A shelf in a bucket. Raises `WrongSettingError` for an URL that names no bucket or an unknown parameter."""

    at_once = 16

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.name = f"s3://{parts.netloc}{parts.path}"  # without the query: it may hold credentials
        asked: dict[str, str] = dict(parse_qsl(parts.query))
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                    "connect_timeout": timedelta(seconds=3),
                    "allow_http": any(endpoint.startswith("http://") for endpoint in _endpoints(asked)),
                },
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)},
                **cast("Any", asked),
            )
        except (BaseError, ValueError, TypeError) as error:
            raise WrongSettingError(f"FRONTDESK_BLOBS={self.name}: {_words(error)}") from error

    def keep(self, name: str, data: bytes) -> None:
        """Make it lie there, whole and durable when this returns, also where something torn lay before."""
        with self._trouble():
            obstore.put(self._store, _key(name), data, use_multipart=False)

    def read(self, name: str) -> bytes | None:
        """Return the bytes, or nothing when they are not there."""
        with self._trouble():
            try:
                return obstore.get(self._store, _key(name)).bytes().to_bytes()
            except FileNotFoundError:
                return None

    def listing(self, shard: str) -> Iterator[tuple[str, float]]:
        """Yield the names that begin with two hexadecimal digits, and when (UTC seconds) each came to lie there."""
        with self._trouble():
            for page in obstore.list(self._store, shard, chunk_size=1000):
                for one in page:
                    yield one["path"].rpartition("/")[2], one["last_modified"].timestamp()

    def move(self, name: str, to: str) -> None:
        """Give it another name, and now as the time it came to lie there; nothing happens when it is gone."""
        with self._trouble(), contextlib.suppress(FileNotFoundError):
            obstore.copy(self._store, _key(name), _key(to))
            obstore.delete(self._store, _key(name))

    def remove(self, name: str) -> None:
        """Take it away; nothing happens when it is gone."""
        with self._trouble(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, _key(name))

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise Temporary(f"{self.name}: there is no such bucket") from None
        except (BaseError, OSError, ValueError) as error:
            raise Temporary(f"{self.name}: {_words(error)}") from error


def _key(name: str) -> str:
    return f"{name[:2]}/{name}"


def _endpoints(asked: dict[str, str]) -> Iterator[str]:
    for name in ("endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url"):
        yield asked.get(name, "")
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        yield os.environ.get(name, "")


def _words(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source:")[0].split())[:300].rstrip(":")
