"""The store: an engine set up for durability, and a schema that matches the software.

`write()` begins a transaction that holds SQLite's one write lock from the start (a transaction that
reads first and writes later would fail when another writer came between); `read()` a snapshot that
blocks nobody. `engine.begin()` is as `write()`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from backend.telemetry.tables import metadata, schema_version

SCHEMA_VERSION = 1
"""Raised when stored rows change meaning; new tables and columns with defaults are added."""
_BUSY_TIMEOUT_S = 15.0
_READ_ONLY = "ohmstead_read_only"


class StoreError(RuntimeError):
    """The store cannot be used; the message names it and the fix."""


class Store:
    """The store's engine. Threads may share it. A committed transaction survives a power cut."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view of what is committed; nothing may be changed in it."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(**{_READ_ONLY: True})
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: committed on leaving, rolled back on an exception."""
        with self.engine.begin() as connection:
            yield connection

    def check(self) -> None:
        """Returns if the store answers; StoreError if not."""
        try:
            with self.read() as connection:
                connection.execute(sa.select(schema_version.c.version)).first()
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"the store does not answer: {error}") from error

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Opens the store, making it and what its schema lacks.

    Args:
        url: `sqlite:///<path>` (the file gets mode 600) or `postgresql+psycopg://...`

    Raises:
        StoreError: it cannot be opened, or its schema is not one this software understands
    """
    parsed = sa.make_url(url)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _server(parsed)
        with engine.begin() as connection:
            _bring_up_to_date(connection, parsed.render_as_string(hide_password=True))
    except (sa.exc.SQLAlchemyError, OSError) as error:
        name = parsed.render_as_string(hide_password=True)
        raise StoreError(
            f"the store {name} cannot be opened: {error}. "
            "Check OHMSTEAD_HOME or OHMSTEAD_DATABASE_URL"
        ) from error
    return Store(engine)


# ---- engines -----------------------------------------------------------------------------------


def _server(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True, pool_size=16, max_overflow=48)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:":
        _make_private_file(Path(url.database))
    engine = sa.create_engine(
        url,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=16,
        max_overflow=48,
    )
    sa.event.listen(engine, "connect", _on_sqlite_connect)
    sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _make_private_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)  # the -wal and -shm files take this mode


def _on_sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _on_sqlite_begin says
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # "accepted" is a promise
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _on_sqlite_begin(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


# ---- schema ------------------------------------------------------------------------------------


def _bring_up_to_date(connection: sa.Connection, name: str) -> None:
    inspector = sa.inspect(connection)
    is_new = not inspector.has_table(schema_version.name)
    if not is_new:
        found = connection.execute(sa.select(schema_version.c.version)).scalar_one()
        if found != SCHEMA_VERSION:
            raise StoreError(
                f"the store {name} has schema {found}, this software needs {SCHEMA_VERSION}: use "
                "the version that wrote it, or move it away (money is on chain; readings that are "
                "not committed yet would be lost)"
            )
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        _add_missing_columns(connection, inspector, table, name)
    if is_new:
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))


def _add_missing_columns(
    connection: sa.Connection, inspector: sa.Inspector, table: sa.Table, name: str
) -> None:
    if not inspector.has_table(table.name):
        return  # create_all has just made it
    present = {column["name"] for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name in present:
            continue
        default = _scalar_default(column)
        if default is None and not column.nullable:
            raise StoreError(
                f"the store {name} lacks {table.name}.{column.name}, which cannot be filled in: "
                "move the store away (money is on chain)"
            )
        preparer = connection.dialect.identifier_preparer
        kind = column.type.compile(connection.dialect)
        clause = f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {column.name} {kind}"
        if default is not None:
            literal = sa.literal(default, column.type).compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            clause += f" DEFAULT {literal}" + ("" if column.nullable else " NOT NULL")
        connection.exec_driver_sql(clause)


def _scalar_default(column: sa.Column[Any]) -> Any:
    default = column.default
    return getattr(default, "arg", None) if default is not None and default.is_scalar else None
