"""Converts a model that a package ships in a format of its own: once, into a folder of the user's cache."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.errors import BackboneError
from pricelm.core.protocols import Progress

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Part of every folder's name: a higher number makes everybody convert again.
_FORMAT = 1
_LARGEST_SOURCE = 4 << 30
_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_UNFINISHED = ".unfinished-"
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Converted:
    """A model in memory, ready to be written as a Hugging Face folder.

    Parameters
    ----------
    config : dict of str to Any
        What ``config.json`` will hold.
    weights : dict of str to ndarray of float32
        By the names that transformers gives them.
    tokenizer : tokenizers.Tokenizer
        The fast tokenizer.
    """

    config: dict[str, Any]
    weights: dict[str, np.ndarray]
    tokenizer: Tokenizer


def cache_folder() -> Path:
    """Return where converted backbones and measured speeds are kept; it need not exist.

    Raises
    ------
    BackboneError
        If there is neither ``XDG_CACHE_HOME`` nor a home directory.

    Examples
    --------
    >>> cache_folder().parts[-2:]
    ('pricelm', 'backbones')
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "pricelm" / "backbones"
    except RuntimeError as error:
        raise BackboneError(
            "there is no home directory to keep converted backbones in; set XDG_CACHE_HOME to a folder"
        ) from error


def converted_folder(alias: str, sources: Sequence[Path]) -> Path:
    """Return where the conversion of some files belongs; it need not exist.

    Parameters
    ----------
    alias : str
        Name of the backbone.
    sources : sequence of pathlib.Path
        The parts of the file, in order.

    Returns
    -------
    pathlib.Path
        Another one if a byte of the files is another one.
    """
    try:
        digest = _digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in sources))
    except OSError as error:
        raise BackboneError(
            f"the files of backbone {alias!r} cannot be read: {error}; install its package again"
        ) from error
    return cache_folder() / f"{alias}-{digest}"


def is_converted(folder: Path) -> bool:
    """Say whether a folder holds a finished conversion."""
    return all((folder / name).is_file() for name in _FILES)


def convert_once(
    alias: str,
    sources: Sequence[Path],
    convert: Callable[[bytes, str], Converted],
    progress: Progress,
) -> Path:
    """Convert a shipped file unless that was done before.

    Two processes that do so at once do the same work, and the one that is done first leaves its folder.

    Parameters
    ----------
    alias : str
        Name of the backbone.
    sources : sequence of pathlib.Path
        The parts of the file, in order.
    convert : callable
        Takes the bytes and a name for messages.
    progress : Progress
        Told what happens, if anything does.

    Returns
    -------
    pathlib.Path
        A Hugging Face folder with ``config.json``, ``tokenizer.json`` and ``model.safetensors``.

    Raises
    ------
    BackboneError
        If the file is broken, or the folder cannot be written.
    """
    folder = converted_folder(alias, sources)
    if is_converted(folder):
        return folder
    started = time.monotonic()
    progress.say(f"backbone {alias!r} is converted, this once: usually in less than a minute, into {folder}")
    if sum(path.stat().st_size for path in sources) > _LARGEST_SOURCE:
        raise BackboneError(f"{sources[0]} is larger than the {_LARGEST_SOURCE >> 30} GB that are read")
    try:
        data = b"".join(path.read_bytes() for path in sources)
    except OSError as error:
        raise BackboneError(f"{sources[0]} cannot be read: {error}; install its package again") from error
    model = convert(data, str(sources[0]))
    try:
        _publish(model, folder)
    except OSError as error:
        raise _not_written(folder, error) from error
    progress.say(f"converted in {time.monotonic() - started:.0f} seconds")
    return folder


def _publish(model: Converted, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder.parent)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_UNFINISHED))
    try:
        _write(model, work)
        if folder.exists() and not is_converted(folder):
            folder.rename(work.with_name(f"{work.name}-replaced"))
        try:
            work.rename(folder)
        except OSError:
            # Another process may have been faster, and a folder that is not empty stays.
            if not is_converted(folder):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(work.with_name(f"{work.name}-replaced"), ignore_errors=True)


def _write(model: Converted, folder: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # Matrices had 4 to 8 bits a weight: 16 hold all that is known of them in half the space.
    halved = {
        name: weights.astype(np.float16) if weights.ndim > 1 and np.abs(weights).max() < 6e4 else weights
        for name, weights in model.weights.items()
    }
    config, tokenizer, weights = (folder / name for name in _FILES)
    config.write_text(json.dumps(model.config, indent=2), encoding="utf-8")
    tokenizer.write_text(model.tokenizer.to_str(), encoding="utf-8")
    try:
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in halved.items()},
            weights,
            metadata={"format": "pt"},
        )
    except SafetensorError as error:
        # It does not pass the number of the system's error on.
        full = "No space left" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error
    # Made for one user only by default; on a server several share a cache.
    folder.chmod(0o755)
    for path in (config, tokenizer, weights):
        path.chmod(0o644)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _remove_stale(place: Path) -> None:
    """Remove what killed conversions left, but not what another process is just writing."""
    for path in place.glob(f"{_UNFINISHED}*"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def _not_written(folder: Path, error: OSError) -> BackboneError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "free about 1 GB there, or set XDG_CACHE_HOME to a folder on another disk"
    else:
        remedy = "set XDG_CACHE_HOME to a folder that can be written"
    return BackboneError(f"the converted backbone cannot be written to {folder}: {error}; {remedy}")


@functools.lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    total = hashlib.sha256(f"pricelm {_FORMAT} {len(files)}".encode())
    for path, _, _ in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()[:12]
