"""The database: one engine, short transactions, and its trouble told as `Temporary`.

SQLite runs in WAL mode with `synchronous=FULL`; writers in one process queue on a lock here, because SQLite's own
busy handler polls and is not fair. PostgreSQL gets time limits on everything, so that a locked table or a dead server
becomes a temporary answer to the sender within 30 s.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tickets.schema import HEAD, inbox
from tickets.trouble import Temporary

LOCK_SECONDS = 8
"""How long a transaction waits for a lock before it is trouble."""

_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "tcp_user_timeout": 15_000,
    "options": f"-c lock_timeout={LOCK_SECONDS * 1000} -c statement_timeout=20000 -c TimeZone=UTC"
    " -c idle_in_transaction_session_timeout=60000",
}
_OURS = (IntegrityError, DataError, ProgrammingError)
_THEIRS = (DatabaseError, InterfaceError, PoolTimeoutError)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MIGRATION_LOCK = 0x46726F6E74  # "Front", any number will do as long as it is ours


class Store:
    """The tables of one desk. Thread-safe; `close` gives every connection back.

    With `read_only` the database itself refuses every change, and no file or folder is made.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url = parsed = make_url(url)
        self._read_only = read_only
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self._writer = threading.Lock()
        self._file: tuple[int, int] | None = None
        self.secrets: dict[str, bytes] = {}  # those this process has read, see tickets/keys.py
        if self.sqlite:
            if not read_only:
                with suppress(OSError):  # opening the database says what is wrong, as `Temporary`
                    Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
            self.engine = self._sqlite_engine()
            event.listen(self.engine, "begin", _begin_immediate)
            self._reader = self._sqlite_engine()  # its own: changing the isolation level costs more than a select
        else:
            said = {"options": f"{_POSTGRESQL['options']} -c default_transaction_read_only=on"} if read_only else {}
            self.engine = create_engine(
                parsed, pool_size=10, pool_timeout=LOCK_SECONDS, pool_pre_ping=True, connect_args=_POSTGRESQL | said
            )
            self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._driver: Any = self.engine.dialect.loaded_dbapi

    def _sqlite_engine(self) -> Engine:
        if self._read_only:
            name = f"file:{quote(self._url.database or '')}?mode=ro"
            return create_engine(self._url, creator=lambda: _opened_to_read(name), pool_timeout=LOCK_SECONDS)
        engine = create_engine(self._url, pool_size=10, pool_timeout=LOCK_SECONDS)
        event.listen(engine, "connect", self._note_file)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine

    @property
    def name(self) -> str:
        """What the database is, in words without a password."""
        return f"SQLite {self.engine.url.database}" if self.sqlite else f"PostgreSQL {self.engine.url.database}"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, undone when it raises.

        Raises `Temporary` when the database is down, locked, read-only, full, damaged or taken away.
        """
        with self._trouble(), self._turn(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Statements that each see what is committed; raises `Temporary` like `write`, but for a file that was taken away."""
        with self._trouble(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self.sqlite:
            yield
            return
        if not self._writer.acquire(timeout=LOCK_SECONDS):
            raise Temporary("the database is busy")
        try:
            self._check_file()
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (*_OURS, self._driver.IntegrityError, self._driver.DataError, self._driver.ProgrammingError):
            raise  # a wrong row or a wrong statement, not the database's state
        except (*_THEIRS, self._driver.Error) as error:
            code: int = getattr(error, "sqlite_errorcode", 0) or getattr(error.__cause__, "sqlite_errorcode", 0)
            if code & 0xFF in _DAMAGED:
                self._dispose()  # another connection may not have noticed and go on from what it remembers
            raise Temporary(f"database: {getattr(error, 'orig', None) or error}") from error

    def _note_file(self, _connection: object, _record: object) -> None:
        self._file = self._file or _inode(self._url.database)

    def _check_file(self) -> None:
        """Raise `Temporary` when SQLite's file was moved, deleted or replaced: it would go on writing to the one that is gone."""
        if self._file is not None and _inode(self._url.database) != self._file:
            raise Temporary(f"database: {self.engine.url.database} was replaced or taken away; put it back, or restart")

    def migrate(self) -> bool:
        """Bring the schema to this version; true when there was something to do. Several processes may call it at once."""
        with self._trouble(), self._turn(), self.engine.begin() as connection:
            if not self.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            if _version(connection) == HEAD:
                return False
            from tickets.migrations import upgrade  # alembic costs a third of a second to import

            upgrade(connection)
            return True

    def try_write(self) -> None:
        """Write one row as it is: returns when messages could be kept now, else raises `Temporary`."""
        with self.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
            connection.execute(select(inbox.c.id).limit(1))  # a table that is locked as a whole takes no messages

    def version(self) -> str | None:
        """Return the migration the database stands at, or nothing for an empty database."""
        with self.read() as connection:
            return _version(connection)

    def _dispose(self) -> None:
        self.engine.dispose()
        self._reader.dispose()

    def close(self) -> None:
        """Give every connection back."""
        self._dispose()
        self._file = None


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in (f"busy_timeout={LOCK_SECONDS * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _opened_to_read(name: str) -> sqlite3.Connection:
    opened = sqlite3.connect(name, uri=True, timeout=LOCK_SECONDS, check_same_thread=False, isolation_level=None)
    opened.execute("PRAGMA query_only=ON")
    return opened


def _inode(path: str | None) -> tuple[int, int] | None:
    try:
        found = Path(path or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_immediate(connection: Connection) -> None:
    connection.connection.cursor().execute("BEGIN IMMEDIATE")  # SQLAlchemy's own way costs five times as much
