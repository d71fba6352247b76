"""What all trials of a comparison share: the same training texts, the same test listings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pricelm.core.errors import BundleError, DataError

_ARRAY = "values"
_TEXTS, _TARGETS = "texts.json", "targets.safetensors"


@dataclass(frozen=True)
class ComparisonData:
    """Listings as texts, divided once for all trials.

    Parameters
    ----------
    texts : sequence of str, length n
        Training texts.
    targets : ndarray of float64, shape (n,)
        Their log prices, log(1 + price).
    test_texts : sequence of str, length m
        Texts that no trial trains on.
    test_prices : ndarray of float64, shape (m,)
        Their prices.
    test_groups : ndarray of int, shape (m,)
        Near-duplicates share a number; the unit of the bootstrap.

    Raises
    ------
    DataError
        If there is nothing to train or to test on, or lengths differ.

    Examples
    --------
    >>> data = ComparisonData(["cup", "sofa"], np.array([1.0, 5.0]), ["lamp"], np.array([9.0]), np.array([0]))
    >>> len(data.digest())
    64
    """

    texts: Sequence[str]
    targets: np.ndarray
    test_texts: Sequence[str]
    test_prices: np.ndarray
    test_groups: np.ndarray

    def __post_init__(self) -> None:
        lengths = (len(self.texts), len(self.targets)), (len(self.test_texts), len(self.test_prices))
        if any(a != b or a == 0 for a, b in lengths) or len(self.test_groups) != len(self.test_texts):
            raise DataError(
                f"expected training texts with as many targets and test texts with as many prices and "
                f"groups, got {lengths[0]} and {(*lengths[1], len(self.test_groups))}; give one at least"
            )

    def digest(self) -> str:
        """Return a hash of what a trial reads and is measured on, 64 hexadecimal digits."""
        digest = hashlib.sha256(json.dumps([list(self.texts), list(self.test_texts)]).encode())
        for values in (self.targets, self.test_prices):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def write(self, folder: Path) -> None:
        """Write what trials read: ``texts.json`` and ``targets.safetensors``, without test prices."""
        folder.mkdir(parents=True, exist_ok=True)
        write_array(folder / _TARGETS, self.targets)
        write_json(folder / _TEXTS, {"training": list(self.texts), "test": list(self.test_texts)})


def read_texts(folder: Path) -> tuple[list[str], np.ndarray, list[str]]:
    """Read training texts, their targets and test texts that :meth:`ComparisonData.write` wrote.

    Raises
    ------
    BundleError
        If a file is missing or broken.
    """
    try:
        texts = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
        targets = read_array(folder / _TARGETS)
        return texts["training"], targets, texts["test"]
    except (OSError, ValueError, LookupError, SafetensorError) as error:
        raise BundleError(
            f"expected the texts of a comparison in {folder}, got: {error}; start the comparison again"
        ) from error


def write_array(path: Path, values: np.ndarray) -> None:
    """Write numbers to a safetensors file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.safetensors"
    >>> write_array(path, np.array([1.0, 2.0]))
    >>> read_array(path)
    array([1., 2.])
    """
    save_file({_ARRAY: np.ascontiguousarray(values, dtype=np.float64)}, path)


def read_array(path: Path) -> np.ndarray:
    """Read what :func:`write_array` wrote.

    Raises
    ------
    OSError, LookupError, SafetensorError
        If the file is missing or broken.
    """
    return load_file(path)[_ARRAY]


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_json(path, {"a": 1})
    >>> read_json(path)
    {'a': 1}
    """
    draft = path.with_name(f".{path.name}-{os.getpid()}.part")
    try:
        draft.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if there is no file or it holds something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
