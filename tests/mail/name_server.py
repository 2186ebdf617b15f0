"""A DNS server on loopback that answers from a table and remembers what it was asked."""

import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

from ingest.mail.names import Names

Zone = Mapping[tuple[str, str], Sequence[str]]


class NameServer:
    """Serves `zone`: (name, type) to the records' texts; `silent` makes it answer nothing at all."""

    def __init__(self, zone: Zone, *, silent: bool = False) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self._silent = silent
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def names(self, lifetime: float = 5.0) -> Names:
        """Return a resolver that asks this server only."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        resolver.timeout = resolver.lifetime = lifetime
        return Names(resolver, lifetime)

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            [question] = query.question
            name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
            self.asked.append((name, kind))
            if self._silent:
                continue
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.AA | dns.flags.RA
            if records := self.zone.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
            elif not any(known == name for known, _ in self.zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), peer)
