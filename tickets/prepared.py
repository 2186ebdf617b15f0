"""Statements of the hot path, compiled once and run on the driver's own cursor.

SQLAlchemy builds the SQL for both databases; running it through SQLAlchemy costs about five times what SQLite itself
needs, for every statement of every message (benchmarks/path.py). The transaction, the pool and the errors stay its own.
"""

import json
from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Dialect, Insert, Select, Update, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import NullType


class OneOf(ColumnElement[Any]):
    """Whether a column is one of the values in the list parameter `name`; SQL that is the same for any length."""

    inherit_cache = False
    type = NullType()  # a Boolean would be compared with 1, and no index used

    def __init__(self, column: Column[Any], name: str) -> None:
        self.column = column
        self.values = bindparam(name, type_=ARRAY(column.type))


@compiles(OneOf, "sqlite")
def _sqlite(element: OneOf, compiler: Any, **kw: Any) -> str:
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # SQLAlchemy quoted both


@compiles(OneOf, "postgresql")
def _postgresql(element: OneOf, compiler: Any, **kw: Any) -> str:
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    return f"{column} = ANY ({values})"


@dataclass(frozen=True, slots=True)
class _Text:
    """The SQL of one database, the order of its parameters where they have no names, and the values it always has."""

    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]

    def values(self, row: Mapping[str, Any]) -> Any:
        whole = {**self.fixed, **row} if self.fixed else row
        if self.order is None:
            return whole
        return [json.dumps(value) if isinstance(value, list) else value for value in map(whole.__getitem__, self.order)]


class Prepared:
    """One statement. An UPDATE sets the `columns`; an INSERT sets every column but a number the database gives.

    A row is a mapping of parameters and must have them all; a list is for `OneOf`.
    """

    def __init__(self, statement: Select[Any] | Insert | Update, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns: Sequence[str] | None = columns or None
        self._texts: dict[str, _Text] = {}
        self._row: Any = None
        if isinstance(statement, Insert):
            self._columns = [column.name for column in statement.table.columns if column.autoincrement is not True]
        elif isinstance(statement, Select):
            self._row = namedtuple("Row", [column.key for column in statement.selected_columns])  # type: ignore[misc]  # noqa: PYI024

    def one(self, connection: Connection, row: Mapping[str, Any]) -> Any:
        """Run a SELECT and return its first row by the names of its columns, or nothing."""
        found = self._run(connection, row).fetchone()
        return found if found is None else self._row._make(found)

    def all(self, connection: Connection, row: Mapping[str, Any]) -> list[Any]:
        """Run a SELECT and return its rows by the names of their columns."""
        return [self._row._make(found) for found in self._run(connection, row).fetchall()]

    def value(self, connection: Connection, row: Mapping[str, Any]) -> Any:
        """Run it and return the first column of its first row, or nothing."""
        found = self._run(connection, row).fetchone()
        return None if found is None else found[0]

    def each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for every row."""
        text = self._text(connection.dialect)
        connection.connection.cursor().executemany(text.sql, [text.values(row) for row in rows])

    def run(self, connection: Connection, row: Mapping[str, Any]) -> None:
        """Run it."""
        self._run(connection, row)

    def _run(self, connection: Connection, row: Mapping[str, Any]) -> Any:
        text = self._text(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(text.sql, text.values(row))
        return cursor

    def _text(self, dialect: Dialect) -> _Text:
        known = self._texts.get(dialect.name)
        if known is None:
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
            order = tuple(compiled.positiontup) if compiled.positional else None
            asked = {bind.key for bind in compiled.binds.values() if bind.value is None}
            fixed = {name: value for name, value in compiled.params.items() if name not in asked}
            known = self._texts[dialect.name] = _Text(str(compiled), order, fixed)
        return known
