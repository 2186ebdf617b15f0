"""The certificate of a listener, read again when its files change."""

import ssl
from pathlib import Path

import structlog

from ingest.channels.smtp.config import Tls

log = structlog.get_logger()


class Certificate:
    """A certificate and its key. Making one raises `OSError` with words when they cannot be used."""

    def __init__(self, config: Tls) -> None:
        self._files = config.certificate.removeprefix("file:"), config.key.removeprefix("file:")
        self._seen = self._stamps()
        try:
            self._context = self._read()
        except OSError as error:
            where = " and ".join(self._files)
            raise OSError(f"the certificate and key in {where} cannot be used: {error.strerror or error}") from error

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is encrypted with; new files that cannot be used leave the old ones in use."""
        seen = self._stamps()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._read()
            except OSError as error:
                log.error("the new certificate cannot be used, the old one stays", files=self._files, error=str(error))  # noqa: TRY400  # no traceback: it is theirs to mend
            else:
                log.info("certificate_reloaded", files=self._files)
        return self._context

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password=lambda: "")  # an encrypted key must not ask the terminal
        return context

    def _stamps(self) -> list[tuple[int, int, int]]:
        stamps = []
        for name in self._files:
            try:
                found = Path(name).stat()
            except OSError:
                stamps.append((0, 0, 0))
            else:
                stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return stamps
