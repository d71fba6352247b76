"""Folders that are written whole or not at all, and whose files can be checked afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from pricelm.core.errors import BundleError

FileIndex = Mapping[str, tuple[int, str]]
"""Name of a file relative to its folder, to its size in bytes and its SHA-256."""


@contextmanager
def whole_folder(path: Path, what: str) -> Iterator[Path]:
    """Let a block fill a draft that takes the place of ``path`` only when the block has ended well.

    Parameters
    ----------
    path : pathlib.Path
        The folder; one that is there is replaced.
    what : str
        What it is, for messages, for example ``"bundle"``.

    Yields
    ------
    pathlib.Path
        The draft, beside the folder.

    Raises
    ------
    BundleError
        If it cannot be written; what was there stays as it was.

    Examples
    --------
    >>> place = Path(tempfile.mkdtemp()) / "thing"
    >>> with whole_folder(place, "thing") as draft:
    ...     _ = (draft / "a.txt").write_text("a")
    >>> [file.name for file in place.iterdir()]
    ['a.txt']
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise BundleError(
            f"cannot write a {what} at {path}: {error}; choose a folder that can be written"
        ) from error
    try:
        yield draft
        _open_to_readers(draft)
        _replace(draft, path)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        raise BundleError(
            f"the {what} at {path} could not be written ({error}); nothing was changed there"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of every file in a folder, as values that JSON can hold.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> describe_files(folder)["a.txt"]["bytes"]
    1
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in files
    }


def read_index(described: Any) -> FileIndex:
    """Read what :func:`describe_files` gave, after JSON; whatever is not of its form is an error."""
    return {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in described.items()}


def check_files(folder: Path, index: FileIndex, unread: Iterable[str] = ()) -> None:
    """Raise BundleError unless the files of an index are there and unchanged.

    Parameters
    ----------
    folder : pathlib.Path
        Where they should be.
    index : FileIndex
        What they should be.
    unread : iterable of str, optional
        Beginnings of names that are not looked at, because nothing will read those files.
    """
    root, skipped = folder.resolve(), tuple(unread)
    for name, (size, digest) in index.items():
        file = (folder / name).resolve()
        if not file.is_relative_to(root):
            raise BundleError(f"the bundle {folder} names a file outside itself ({name}): do not trust it")
        if skipped and name.startswith(skipped):
            continue
        if not file.is_file():
            raise BundleError(
                f"expected the file {name} in {folder}, found none: copy the whole bundle again"
            )
        if file.stat().st_size != size or sha256(file) != digest:
            raise BundleError(
                f"the file {name} in {folder} is cut short or changed: copy the whole bundle again"
            )


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, document: Any) -> None:
    """Write a document for people and machines, numbers out of arrays included."""
    text = json.dumps(document, ensure_ascii=False, indent=1, default=_plain)
    file.write_text(text, encoding="utf-8")


def _open_to_readers(folder: Path) -> None:
    """Let other users read it, as a service runs as; temporary folders and safetensors forbid it."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _plain(value: Any) -> Any:
    """Write what JSON does not know, such as a seed that came out of an array."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _replace(draft: Path, path: Path) -> None:
    if not path.exists():
        draft.replace(path)
        return
    old = path.with_name(f".{path.name}-old-{os.getpid()}")
    path.replace(old)
    try:
        draft.replace(path)
    except OSError:
        old.replace(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
