from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend.telemetry.chain_tables import cursors
from backend.telemetry.node_tables import nodes
from backend.telemetry.store import SCHEMA_VERSION, Store, StoreError, open_store
from backend.telemetry.tables import metadata, schema_version


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


@pytest.fixture
def store(url: str) -> Store:
    return open_store(url)


def _pragma(store: Store, name: str) -> object:
    with store.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_the_file_is_the_owners_alone_and_durable(store: Store, tmp_path: Path) -> None:
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert _pragma(store, "journal_mode") == "wal"
    assert _pragma(store, "synchronous") == 2  # FULL


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def twice_the_same_key() -> None:
        with store.write() as connection:
            for block in (1, 2):
                connection.execute(cursors.insert().values(name="a", block=block, block_hash="0x"))

    with pytest.raises(sa.exc.IntegrityError):
        twice_the_same_key()
    with store.read() as connection:
        assert connection.execute(cursors.select()).all() == []


def test_writers_that_read_first_wait_for_each_other(store: Store) -> None:
    """Read, then write what was read plus one: with deferred transactions updates would be lost."""
    with store.write() as connection:
        connection.execute(cursors.insert().values(name="n", block=0, block_hash="0x"))

    def increment() -> None:
        for _ in range(25):
            with store.engine.begin() as connection:
                block = connection.execute(sa.select(cursors.c.block)).scalar_one()
                connection.execute(cursors.update().values(block=block + 1))

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        assert connection.execute(sa.select(cursors.c.block)).scalar_one() == 100


def test_a_reader_neither_waits_for_a_writer_nor_sees_its_work(store: Store) -> None:
    with store.write() as writer:
        writer.execute(cursors.insert().values(name="a", block=1, block_hash="0x"))
        with store.read() as reader:
            assert reader.execute(cursors.select()).all() == []


def test_opening_again_keeps_what_is_there(url: str) -> None:
    first = open_store(url)
    with first.write() as connection:
        connection.execute(nodes.insert().values(node_id=7, kind=1, max_power_w=5000))
    first.close()
    second = open_store(url)
    with second.read() as connection:
        assert connection.execute(sa.select(nodes.c.node_id)).scalars().all() == [7]
        assert (
            connection.execute(sa.select(schema_version.c.version)).scalar_one() == SCHEMA_VERSION
        )


def test_another_schema_version_is_refused_with_the_way_out(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.execute(schema_version.update().values(version=SCHEMA_VERSION + 1))
    store.close()
    with pytest.raises(StoreError, match=f"schema {SCHEMA_VERSION + 1}.*move it away"):
        open_store(url)


def test_columns_and_tables_added_since_are_filled_in(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.execute(nodes.insert().values(node_id=7, kind=1, max_power_w=5000))
        connection.exec_driver_sql("ALTER TABLE nodes DROP COLUMN feeder_node")
        connection.exec_driver_sql("ALTER TABLE nodes DROP COLUMN battery_id")
        connection.exec_driver_sql("DROP TABLE node_events")
    store.close()
    with open_store(url).read() as connection:
        row = connection.execute(nodes.select()).one()
        assert (row.feeder_node, row.battery_id) == (0, None)
        assert set(metadata.tables) <= set(sa.inspect(connection).get_table_names())


def test_a_column_that_cannot_be_filled_in_is_named(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.exec_driver_sql("ALTER TABLE nodes DROP COLUMN max_power_w")
    store.close()
    with pytest.raises(StoreError, match=r"nodes\.max_power_w"):
        open_store(url)


def test_a_store_out_of_reach_says_which_and_how(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="OHMSTEAD_HOME"):
        open_store(f"sqlite:///{tmp_path}/file/store.sqlite")
    with pytest.raises(StoreError, match="OHMSTEAD_DATABASE_URL") as caught:
        open_store("postgresql+psycopg://user:secret@127.0.0.1:5849/none")
    assert "secret" not in str(caught.value)


def test_check_tells_when_the_store_is_gone(store: Store, tmp_path: Path) -> None:
    store.check()
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE schema_version")
    with pytest.raises(StoreError):
        store.check()
