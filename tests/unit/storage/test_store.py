"""Opening, migrating and writing, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import pricelm.storage
from pricelm.core.errors import ConfigError, StoreError
from pricelm.storage import keys, outcomes, registry
from pricelm.storage.base import Base, UtcTime
from pricelm.storage.database import Store, open_store


def two_versions(store: Store) -> tuple[int, int]:
    with registry.changing_registry(store) as draft:
        first, second = draft.add("a", "1" * 64), draft.add("b", "2" * 64)
    return first.version, second.version


def test_the_migrated_tables_are_those_of_the_code(store: Store) -> None:
    for module in iter_modules(pricelm.storage.__path__):
        import_module(f"pricelm.storage.{module.name}")
    with store._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


def test_opening_again_changes_nothing(url: str) -> None:
    first = open_store(url)
    with first.writing() as session:
        keys.insert_key(
            session, key_id="k", name="n", role="viewer", secret_sha256="0" * 64, listings_per_second=None
        )
    first.close()
    again = open_store(url)
    assert [key.key_id for key in keys.all_keys(again)] == ["k"]
    again.close()


def test_many_services_that_start_together_migrate_once(url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            open_store(url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_store_of_a_later_pricelm_is_refused(url: str) -> None:
    store = open_store(url)
    with store.writing() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="update pricelm"):
        open_store(url)


def test_what_fails_in_the_middle_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), registry.changing_registry(store) as draft:
        draft.add("a", "1" * 64)
        raise RuntimeError("power cut")
    assert registry.all_versions(store) == []


@pytest.mark.parametrize("state", ["active", "canary", "shadow"])
def test_the_database_itself_allows_one_of_each(store: Store, state: str) -> None:
    first, second = two_versions(store)
    with pytest.raises(IntegrityError), registry.changing_registry(store) as draft:
        for number in (first, second):
            row = draft.by_version(number)
            assert row is not None
            draft.set_state(row, state)
    assert {row.state for row in registry.all_versions(store)} == {"registered"}


def test_any_number_may_be_retired(store: Store) -> None:
    numbers = two_versions(store)
    with registry.changing_registry(store) as draft:
        for number in numbers:
            row = draft.by_version(number)
            assert row is not None
            draft.set_state(row, "retired")
    assert [row.state for row in registry.all_versions(store)] == ["retired"] * 2


def test_changes_wait_for_each_other(store: Store) -> None:
    """Twenty writers that each count and then add would all read the same count without a lock."""
    failures: list[BaseException] = []

    def add(number: int) -> None:
        try:
            with registry.changing_registry(store) as draft:
                seen = len(list(draft._session.execute(text("select version from model_versions"))))
                draft.add(f"bundle-{seen}", f"{number:064d}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(row.bundle for row in registry.all_versions(store)) == [f"bundle-{n}" for n in range(8)]


def test_times_come_back_in_utc(store: Store) -> None:
    first, _ = two_versions(store)
    with registry.changing_registry(store) as draft:
        row = draft.by_version(first)
        assert row is not None
        row.promoted = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=8)))
    read = next(row for row in registry.all_versions(store) if row.version == first)
    assert read.promoted == datetime(2026, 3, 1, 4, tzinfo=UTC)
    assert read.promoted.tzinfo is UTC
    assert UtcTime().process_bind_param(None, None) is None


def test_pairs_are_of_the_same_outcome(store: Store) -> None:
    first, second = two_versions(store)
    outcomes.insert_outcomes(
        store,
        [
            ("x", first, 0.1, True),
            ("x", second, 0.4, False),
            ("y", first, 0.2, True),
            ("z", second, 0.3, True),
        ],
    )
    assert outcomes.paired_outcomes(store, second, first, limit=10) == [(0.4, 0.1, False, True)]
    outcomes.forget_outcomes(store, second)
    assert outcomes.paired_outcomes(store, second, first, limit=10) == []


def test_an_outcome_is_of_a_version_that_exists(store: Store) -> None:
    with pytest.raises(IntegrityError):
        outcomes.insert_outcomes(store, [("x", 77, 0.1, True)])


def test_sqlite_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    with store.reading() as session:
        assert session.execute(text("pragma journal_mode")).scalar() == "wal"
    store.close()


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("nonsense", ConfigError, "no URL"),
        ("mysql://host/db", ConfigError, "sqlite:///FILE or postgresql"),
        ("sqlite:////no/such/folder/store.db", StoreError, "make it first"),
        ("postgresql://nobody@127.0.0.1:9/none", StoreError, "cannot be used"),
    ],
)
def test_what_cannot_be_opened_says_why(url: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        open_store(url)


def test_a_password_is_never_told() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://nobody:hunter2@127.0.0.1:9/none")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 's.db'}")
