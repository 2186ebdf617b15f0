"""How much of our time and patience one peer has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much a peer may talk; none of the times begins anew with a byte.

    A whole command, a whole mail, and the PROXY header or TLS handshake each have their seconds; after `session_seconds`
    no further command is taken. `commands` counts from one kept mail to the next; `refusals` are 5xx answers, `unknown`
    those to what is no command.
    """

    command_seconds: float = 120
    data_seconds: float = 600
    opening_seconds: float = 30
    session_seconds: float = 3_600
    recipients: int = 100
    commands: int = 1_000
    refusals: int = 50
    unknown: int = 5
    logins: int = 3
