"""Keeping a store: make it, look at it, back it up, restore it, export it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pricelm
from pricelm.core.errors import ConfigError, OutputError, StoreError
from pricelm.core.protocols import Progress, Silence
from pricelm.services.outputs import cannot_write, replaced_folder
from pricelm.storage.audit import read_log_end
from pricelm.storage.base import utc_now
from pricelm.storage.database import Store, open_store
from pricelm.storage.dump import (
    copy_sqlite,
    count_rows,
    dump_tables,
    export_tables,
    is_empty_database,
    load_tables,
    open_copy,
    revision_of,
    size_bytes,
    sqlite_file,
)
from pricelm.storage.migrations import revisions
from pricelm.storage.prices import count_pending

StorePlace = str | Store
"""A store, by its address or open."""
MANIFEST = "manifest.json"
_FORM = 1
_COPY = "store.db"
_MOST_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True)
class StoreStatus:
    """What there is in a store.

    Parameters
    ----------
    kind : {"sqlite", "postgresql"}
        The database.
    revision : str
        Form of the tables; that of today, since opening a store brings it there.
    size_bytes : int
        Space that it takes.
    rows : dict of str to int
        Rows of each table.
    audit_entries : int
        Length of the audit log.
    audit_sha256 : str
        Its end; kept elsewhere, it shows later whether the log was cut off.
    prices_on_their_way : int
        Prices that were to go out and have not arrived.
    """

    kind: str
    revision: str
    size_bytes: int
    rows: dict[str, int]
    audit_entries: int
    audit_sha256: str
    prices_on_their_way: int


@dataclass(frozen=True)
class Backup:
    """A backup or an export that was written.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is.
    form : {"sqlite copy", "tables", "export"}
        What it is made of.
    rows : dict of str to int
        Rows of each table.
    size_bytes : int
        Of all its files.
    """

    folder: Path
    form: str
    rows: dict[str, int]
    size_bytes: int


def store_status(place: StorePlace) -> StoreStatus:
    """Open a store, made or brought to the form of today where it is not, and say what is in it.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.

    Returns
    -------
    StoreStatus
        Sizes and counts.

    Raises
    ------
    StoreError
        If it cannot be opened.

    Examples
    --------
    >>> store_status("sqlite://").rows["batches"]
    0
    """
    with opened_store(place) as store:
        with store.reading() as session:
            end, pending = read_log_end(session), count_pending(session)
        return StoreStatus(
            store.kind,
            revision_of(store),
            size_bytes(store),
            count_rows(store),
            end.entries if end else 0,
            end.sha256 if end else "",
            pending,
        )


def back_up_store(place: StorePlace, folder: Path, progress: Progress = Silence()) -> Backup:
    """Write a backup of one moment while the store is in use.

    A SQLite store is copied through SQLite's own online backup; of PostgreSQL each table becomes a file of
    JSON lines, read in one transaction. Either can be restored into either database. A manifest holds the
    hash of every file.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    folder : pathlib.Path
        A folder that is not there yet.
    progress : Progress
        Told each table.

    Returns
    -------
    Backup
        What was written.

    Raises
    ------
    OutputError
        If the folder is there already or cannot be written.
    StoreError
        If the store cannot be read.
    """
    with opened_store(place) as store, _new_folder(folder) as draft:
        if store.kind == "sqlite":
            copy_sqlite(store, draft / _COPY)
            copied = open_copy(draft / _COPY)
            try:
                rows, form = count_rows(copied), "sqlite copy"
            finally:
                copied.close()
        else:
            rows, form = dump_tables(store, draft, _teller(progress)), "tables"
        size = _write_manifest(draft, form, revision_of(store), rows)
    return Backup(folder, form, rows, size)


def export_store(place: StorePlace, folder: Path, progress: Progress = Silence()) -> Backup:
    """Write every table as JSON lines that people and other programs read; secrets are left out.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    folder : pathlib.Path
        A folder that is not there yet.
    progress : Progress
        Told each table.

    Returns
    -------
    Backup
        What was written; it cannot be restored.

    Raises
    ------
    OutputError
        If the folder is there already or cannot be written.
    """
    with opened_store(place) as store, _new_folder(folder) as draft:
        rows = export_tables(store, draft, _teller(progress))
        size = _write_manifest(draft, "export", revision_of(store), rows)
    return Backup(folder, "export", rows, size)


def restore_store(folder: Path, store_url: str) -> StoreStatus:
    """Fill an empty database from a backup, whole or not at all, and bring it to the form of today.

    Parameters
    ----------
    folder : pathlib.Path
        A backup of any pricelm up to this one.
    store_url : str
        A SQLite file that is not there yet, or a PostgreSQL database without tables.

    Returns
    -------
    StoreStatus
        What was restored.

    Raises
    ------
    StoreError
        If the backup is broken or changed, was written by a later pricelm, or the database is not empty.
    ConfigError
        If the database is in memory.
    """
    manifest = _checked_manifest(folder)
    file = sqlite_file(store_url)
    if store_url.startswith("sqlite") and file is None:
        raise ConfigError("expected a store that stays, got one in memory: name a file")
    if not is_empty_database(store_url):
        raise StoreError("expected an empty database to restore into, got one with tables: name a new one")
    if manifest["form"] == "sqlite copy" and file is not None:
        _put_in_place(folder / _COPY, file)
    elif manifest["form"] == "sqlite copy":
        with tempfile.TemporaryDirectory(prefix="pricelm-restore-") as place:
            copied = open_copy(folder / _COPY)
            try:
                rows = dump_tables(copied, Path(place), lambda *_: None)
            finally:
                copied.close()
            load_tables(store_url, Path(place), manifest["revision"], rows)
    else:
        load_tables(store_url, folder, manifest["revision"], manifest["rows"])
    return store_status(store_url)


@contextmanager
def opened_store(place: StorePlace) -> Iterator[Store]:
    """Open a store for a block; one that is open already stays open afterwards.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open. A service that answers many requests keeps one open.

    Yields
    ------
    Store
        The store.
    """
    if isinstance(place, Store):
        yield place
        return
    store = open_store(place)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    if folder.exists():
        raise OutputError(f"expected a folder that is not there yet, got {folder}: name another one")
    with replaced_folder(folder) as draft:
        yield draft


def _teller(progress: Progress) -> Callable[[str, int], None]:
    def tell(table: str, rows: int) -> None:
        if rows:
            progress.say(f"{table.replace('_', ' ')}: {rows:,} rows")

    return tell


def _write_manifest(folder: Path, form: str, revision: str, rows: dict[str, int]) -> int:
    files = {
        one.name: {"sha256": _hash(one), "bytes": one.stat().st_size} for one in sorted(folder.iterdir())
    }
    document = {
        "version": _FORM,
        "pricelm": pricelm.__version__,
        "form": form,
        "revision": revision,
        "made": utc_now().isoformat(timespec="seconds"),
        "rows": rows,
        "files": files,
    }
    text = json.dumps(document, indent=1) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return sum(one.stat().st_size for one in folder.iterdir())


def _checked_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a backup whose files are all there and unchanged."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise StoreError(f"{path}: expected a manifest below 1 MB, got more")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        form, revision, files = manifest["form"], manifest["revision"], manifest["files"]
        rows = {str(name): int(count) for name, count in manifest["rows"].items()}
        hashes = {str(name): str(one["sha256"]) for name, one in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"expected a backup in {folder}, found none that can be read ({error})") from error
    if form not in ("sqlite copy", "tables"):
        raise StoreError(f"expected a backup in {folder}, got an {form}: it leaves out keys and documents")
    if manifest.get("version") != _FORM or revision not in revisions():
        raise StoreError(f"the backup in {folder} was written by a later pricelm: update pricelm")
    needed = [_COPY] if form == "sqlite copy" else [f"{name}.jsonl.gz" for name in rows]
    for name in needed:
        if name not in hashes or not (folder / name).is_file():
            raise StoreError(f"the backup in {folder} has no {name}: take another backup")
        if _hash(folder / name) != hashes[name]:
            raise StoreError(f"{folder / name} is not what was backed up: take another backup")
    return {"form": form, "revision": revision, "rows": rows}


def _put_in_place(copy: Path, file: Path) -> None:
    draft = file.with_name(f".{file.name}.restoring")
    try:
        shutil.copyfile(copy, draft)
        # an empty database that was opened before leaves its log behind
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        draft.replace(file)
    except OSError as error:
        raise cannot_write(file, error) from error
    finally:
        draft.unlink(missing_ok=True)


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
