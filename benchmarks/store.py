"""Finished pieces of a benchmark on disk, so that a killed run goes on where it stopped.

One piece is one predictor on one fold of one set: a JSON file with the facts of the run and a Parquet
file with one row per test listing. The JSON file is written last and makes the piece count.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Piece:
    """One predictor on one fold of one set.

    Parameters
    ----------
    facts : dict
        ``set, fold, predictor, status ("done", "failed" or "skipped"), reason, fingerprint,
        train_seconds, predict_seconds, n_train, n_test, finished`` and what the predictor adds
        under ``info``.
    rows : DataFrame or None
        One row per test listing: ``row, actual, group, slice, predicted`` and, where known, ``lower,
        upper, without_language`` and one ``member:NAME`` column a member. None when it is not done.
    """

    facts: Mapping[str, Any]
    rows: pd.DataFrame | None

    @property
    def done(self) -> bool:
        """True when the predictor finished."""
        return self.facts["status"] == "done"


class Store:
    """A folder of pieces: ``FOLDER/SET/fold-N/PREDICTOR.json`` and ``.parquet``.

    Parameters
    ----------
    folder : Path
        Made when the first piece is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str, fold: int, predictor: str, fingerprint: str) -> Piece | None:
        """Return a stored piece, or None when there is none of this fingerprint."""
        path = self._path(name, fold, predictor)
        try:
            facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if facts.get("fingerprint") != fingerprint:
            return None
        rows = pd.read_parquet(path.with_suffix(".parquet")) if facts["status"] == "done" else None
        return Piece(facts, rows)

    def save(self, piece: Piece) -> Piece:
        """Write a piece and return it with the time it was finished."""
        facts = {**piece.facts, "finished": datetime.now(UTC).isoformat(timespec="seconds")}
        path = self._path(facts["set"], facts["fold"], facts["predictor"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        if piece.rows is not None:
            piece.rows.to_parquet(path.with_suffix(".parquet"), index=False)
        fresh = path.with_suffix(".partial")
        fresh.write_text(json.dumps(facts, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
        fresh.replace(path.with_suffix(".json"))
        return Piece(facts, piece.rows)

    def scratch(self, name: str, fold: int, predictor: str, fingerprint: str) -> Path:
        """Return a folder for what the predictor keeps while it runs, for example checkpoints.

        Its name holds the fingerprint, so that checkpoints of older code are never resumed.
        """
        folder = self._path(name, fold, predictor).with_suffix(f".{fingerprint}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _path(self, name: str, fold: int, predictor: str) -> Path:
        return self.folder / name / f"fold-{fold}" / predictor


def fingerprint(config: Mapping[str, Any], code: str, data: str) -> str:
    """Return a short hash of what a piece depends on: options, code and rows.

    Examples
    --------
    >>> fingerprint({"seed": 1}, "a", "b") == fingerprint({"seed": 2}, "a", "b")
    False
    """
    text = json.dumps([dict(config), code, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_version(paths: Iterable[Path]) -> str:
    """Return a hash of what Python sources do: comments, docstrings and layout leave it alone.

    Parameters
    ----------
    paths : iterable of Path
        Python files, or folders that are searched for them.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            tree = _without_docstrings(ast.parse(file.read_text(encoding="utf-8")))
            digest.update(f"{file.name}:{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:16]


def data_version(frame: pd.DataFrame, *arrays: Any) -> str:
    """Return a hash of a table and of arrays of positions, in order."""
    digest = hashlib.sha256(",".join(map(str, frame.columns)).encode())
    digest.update(pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy().tobytes())
    for array in arrays:
        digest.update(pd.util.hash_array(pd.Series(array).to_numpy()).tobytes())
    return digest.hexdigest()[:16]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]
    return tree
