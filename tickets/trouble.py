"""The one bit an error carries upward: try again, or never."""


class Temporary(Exception):  # noqa: N818  # a word of the domain, like its opposite
    """It may go through later. `retry_after` is the wait in seconds the other side asked for, if it did."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(Exception):  # noqa: N818
    """It will never go through as it is."""
