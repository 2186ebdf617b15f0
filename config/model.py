"""The base of everything a person writes down: frozen, and strict about unknown words."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Model(BaseModel):
    """A frozen pydantic model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""An id used in the desk file and in URLs: lower-case letters, digits, `-` and `_`."""


def _lower_address(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    if not (local and at and domain) or any(c.isspace() or c in "<>,;" for c in value.strip()):
        raise ValueError("not an email address; write it as name@example.com")
    return f"{local}@{domain}".lower()


Address = Annotated[str, AfterValidator(_lower_address)]
"""A bare email address, kept in lower case."""


def sender(value: str) -> str:
    """Return an address, or every address of a domain, in lower case."""
    local, at, domain = value.strip().rpartition("@")
    if not (at and domain) or any(c.isspace() or c in "<>,;" for c in value.strip()):
        raise ValueError("not a sender; write it as name@example.com, or @example.com for everybody there")
    return f"{local}@{domain}".lower()


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(value: object) -> float:
    """Return a time span in seconds, written as 90s, 30m, 4h or 2d; raises `ValueError` in plain words."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a duration; write it as 90s, 30m, 4h or 2d")
    return float(found[1]) * _UNITS[found[2]]


Duration = Annotated[float, BeforeValidator(seconds)]
"""A time span, written as 90s, 30m, 4h or 2d and kept in seconds."""


def _reference(value: str) -> str:
    if not value.startswith(("env:", "file:")):
        raise ValueError("a secret is written as a reference, env:NAME or file:/path, never in the desk file itself")
    return value


class MissingSecretError(Exception):
    """A secret's environment variable or file is not there."""


class Secret(str):
    """A reference to a secret (`env:NAME` or `file:/path`); prints as the reference, never as the value."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        """Validate as a string that is a reference."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(lambda v: cls(_reference(v)), core_schema.str_schema())

    def reveal(self) -> str:
        """Return the secret's value now; raises `MissingSecretError` when the variable or file is missing or blank."""
        kind, _, where = self.partition(":")
        if kind == "env":
            value = os.environ.get(where, "")
        else:
            try:
                value = Path(where).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise MissingSecretError(f"the file of {self} cannot be read: {error.strerror}") from error
        if not value.strip():  # anybody could guess blanks
            raise MissingSecretError(f"{self} is not set")
        return value


def secrets_in(value: object, name: str = "") -> Iterator[tuple[str, Secret]]:
    """Yield the secrets in a setting, with the key each stands under."""
    if isinstance(value, Secret):
        yield name, value
    elif isinstance(value, Model):
        for key, one in value:
            yield from secrets_in(one, key)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from secrets_in(one, f"{name}.{key}")
    elif isinstance(value, tuple):
        for one in value:
            yield from secrets_in(one, name)


SHORTEST_HIDDEN = 6
"""A shorter secret would be found within words that tell nothing."""


def without_secrets(words: str, settings: object) -> str:
    """Return what is told to people with each secret in the settings replaced by its reference: others may have repeated one."""
    for _, secret in secrets_in(settings):
        with suppress(MissingSecretError, ValueError):
            if len(value := secret.reveal()) >= SHORTEST_HIDDEN:
                words = words.replace(value, str(secret))
    return words


T = TypeVar("T")


def at_least_one(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values when there are any; unlike a length in the schema it does not count wrong values as missing ones."""
    if not values:
        raise ValueError("must have at least one")
    return values


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Secrets = Annotated[tuple[Secret, ...], BeforeValidator(_listed), AfterValidator(at_least_one)]
"""One secret, or a list of several: all are right, so that one can be changed without a gap."""
