"""Backups come back as they were, in either database, or are refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pricelm.core.errors import ConfigError, OutputError, StoreError
from pricelm.services.applying import apply_batch
from pricelm.services.auditing import verify_audit
from pricelm.services.price_targets import open_target
from pricelm.services.store_admin import (
    MANIFEST,
    StoreStatus,
    back_up_store,
    export_store,
    restore_store,
    store_status,
)
from pricelm.storage import dump, users
from pricelm.storage.database import open_store
from pricelm.storage.migrations import revisions
from tests.postgres import PostgresServer
from tests.store_samples import BEN, add_plan, observe


@pytest.fixture
def filled(store_url: str, tmp_path: Path) -> str:
    """A store with a bit of everything."""
    observe(store_url, 7)
    number = add_plan(store_url, [("p0", 4.0, 4.2), ("p1", 3.0, 2.5)], state="approved")
    apply_batch(store_url, number, open_target(str(tmp_path / "gone.csv")), BEN)
    store = open_store(store_url)
    with store.writing() as session:
        users.add_user(session, "ann", "admin", "argon2 hash")
    store.close()
    return store_url


def same_content(one: StoreStatus, other: StoreStatus) -> bool:
    return (one.rows, one.audit_sha256) == (other.rows, other.audit_sha256)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_a_backup_comes_back_in_either_database(
    filled: str, tmp_path: Path, postgres: PostgresServer, into: str
) -> None:
    made = back_up_store(filled, tmp_path / "backup")
    assert made.form == ("sqlite copy" if filled.startswith("sqlite") else "tables")
    new = f"sqlite:///{tmp_path / 'new.db'}" if into == "sqlite" else postgres.new_database()
    assert same_content(restore_store(made.folder, new), store_status(filled))
    assert verify_audit(new).ok
    exports = [export_store(url, tmp_path / name).folder for url, name in ((filled, "old"), (new, "again"))]
    for file in exports[0].glob("*.jsonl"):
        assert file.read_text() == (exports[1] / file.name).read_text(), file.name
    # numbers that the database gives away go on where they were
    assert add_plan(new, [("p9", 1.0, 2.0)]) == 2
    with pytest.raises(StoreError, match="empty database"):
        restore_store(made.folder, new)


def test_an_export_is_readable_and_has_no_secrets(filled: str, tmp_path: Path) -> None:
    folder = export_store(filled, tmp_path / "export").folder
    changes = [json.loads(line) for line in (folder / "price_changes.jsonl").read_text().splitlines()]
    assert [(one["sku"], one["old_price"], one["new_price"]) for one in changes] == [
        ("p0", 4.0, 4.2),
        ("p1", 3.0, 2.5),
    ]
    assert "argon2" not in "".join(file.read_text() for file in folder.iterdir())
    with pytest.raises(StoreError, match="export"):
        restore_store(folder, f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(OutputError, match="not there yet"):
        export_store(filled, folder)


def flip_a_byte(folder: Path) -> None:
    file = max((one for one in folder.iterdir() if one.name != MANIFEST), key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def lose_a_file(folder: Path) -> None:
    next(one for one in folder.iterdir() if one.name != MANIFEST).unlink()


def come_from_later(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"revision": "9999"}))


def lose_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("[]")


@pytest.mark.parametrize("spoil", [flip_a_byte, lose_a_file, come_from_later, lose_the_manifest])
def test_a_backup_that_was_changed_is_refused(
    filled: str, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = back_up_store(filled, tmp_path / "backup").folder
    spoil(folder)
    with pytest.raises(StoreError):
        restore_store(folder, f"sqlite:///{tmp_path / 'new.db'}")
    assert not (tmp_path / "new.db").exists()


def test_tables_that_fail_in_the_middle_leave_an_empty_database(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    old, new = postgres.new_database(), postgres.new_database()
    observe(old, 5)
    folder = back_up_store(old, tmp_path / "backup").folder
    with gzip.open(folder / "observations.jsonl.gz", "at") as file:
        file.write("[1]\n")
    counts = json.loads((folder / MANIFEST).read_text())["rows"]
    with pytest.raises(ValueError):
        dump.load_tables(new, folder, revisions()[-1], counts)
    assert dump.is_empty_database(new)


def test_a_backup_that_cannot_be_written_leaves_nothing(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pricelm.services.store_admin._hash", full_disk)
    with pytest.raises(OutputError, match="space"):
        back_up_store(store_url, tmp_path / "backups" / "one")
    assert list((tmp_path / "backups").iterdir()) == []


def test_nothing_is_restored_into_memory(tmp_path: Path) -> None:
    folder = back_up_store(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "backup").folder
    with pytest.raises(ConfigError, match="in memory"):
        restore_store(folder, "sqlite://")
