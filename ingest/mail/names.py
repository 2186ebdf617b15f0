"""Questions to DNS, with a bound on how long they take: the answers decide who is believed."""

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

SECONDS = 5.0
"""How long one question may take, all name servers together."""
CACHED = 2_000


_NO_NAMES = (
    dns.name.LabelTooLong,
    dns.name.NameTooLong,
    dns.name.EmptyLabel,
    dns.name.BadEscape,
    UnicodeError,
    ValueError,
)


class NoAnswerNow(Exception):  # noqa: N818  # a state, not a defect: asked again later it may be answered
    """DNS does not answer now."""


class Names:
    """A resolver with a cache. Thread-safe. It reads the system's name servers when it is first asked."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None, seconds: float = SECONDS) -> None:
        self._resolver = resolver
        self._seconds = seconds

    def ask(self, name: str, kind: str) -> list[tuple[str, ...]]:
        """Return the records of a name as their fields: TXT as one text, A and AAAA as an address, MX as (preference, host).

        None is an empty list. Raises `NoAnswerNow`.
        """
        try:
            answer = self._ready().resolve(name, kind, lifetime=self._seconds, search=False, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, *_NO_NAMES):
            return []
        except dns.exception.DNSException as error:
            raise NoAnswerNow(f"DNS does not answer for {name}: {type(error).__name__}") from error
        return [_fields(record) for record in answer]

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name; raises `NoAnswerNow`."""
        return [text for (text,) in self.ask(name, "TXT")]

    def _ready(self) -> dns.resolver.Resolver:
        if self._resolver is None:
            try:
                made = dns.resolver.Resolver()
            except dns.resolver.NoResolverConfiguration as error:
                raise NoAnswerNow("this machine has no name server") from error
            made.cache = dns.resolver.LRUCache(CACHED)
            self._resolver = made
        return self._resolver


def _fields(record: object) -> tuple[str, ...]:
    if strings := getattr(record, "strings", None):
        return (b"".join(strings).decode("utf-8", "replace"),)
    if (exchange := getattr(record, "exchange", None)) is not None:
        return (str(getattr(record, "preference", 0)), exchange.to_text(omit_final_dot=True))
    if (target := getattr(record, "target", None)) is not None:
        return (target.to_text(omit_final_dot=True),)
    return (str(getattr(record, "address", "")),)
