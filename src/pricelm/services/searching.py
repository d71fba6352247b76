"""Searching: from a file of listings to the settings of the language member that suit them best."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.duplicates import duplicate_groups
from pricelm.catalog.readers import read_listings
from pricelm.catalog.splits import split_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.language.config import TuningConfig
from pricelm.language.rows import Rows
from pricelm.learning.budget import Budget, parse_duration
from pricelm.learning.search import SearchData, SearchOptions, search
from pricelm.learning.search_page import search_page
from pricelm.learning.search_result import SearchResult
from pricelm.models.language_member import LanguageMember
from pricelm.models.text import FeatureColumns, compose_text, log_price
from pricelm.services.outputs import replaced_file
from pricelm.services.rejections import RejectedRows
from pricelm.services.training import TrainingOptions, prepare

__all__ = [
    "Budget",
    "SearchOptions",
    "SearchRequest",
    "SearchResult",
    "Searched",
    "parse_duration",
    "search_settings",
]

_FRACTIONS = (0.7, 0.15, 0.0, 0.15)
_OURS = ("study.sqlite3", "search.lock")
# What trials are measured with must not be drawn from a handful of rows.
_FEWEST_ROWS = 100


@dataclass(frozen=True)
class SearchRequest:
    """What `search_settings` is asked for.

    Parameters
    ----------
    listings : str or pathlib.Path
        File or database address of the listings.
    out : pathlib.Path
        Folder of the study and of everything that is written.
    query : str, optional
        SQL query, with a database address.
    roles : mapping, optional
        Roles of columns where the inferred ones are wrong.
    training : TrainingOptions
        The configuration to beat, as for training; its seed also divides the listings.
    search : SearchOptions
        How far to search.
    """

    listings: str | Path
    out: Path
    query: str | None = None
    roles: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    search: SearchOptions = field(default_factory=SearchOptions)


@dataclass(frozen=True)
class Searched:
    """What a search found, and where it is.

    Parameters
    ----------
    result : SearchResult
        Trials and verdict.
    files : dict of str to pathlib.Path
        What was written, by what it is.
    rejected : pathlib.Path or None
        Rows that could not be used.
    """

    result: SearchResult
    files: dict[str, Path]
    rejected: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return the search as JSON-ready values."""
        files = {name: str(path) for name, path in self.files.items()}
        return self.result.to_dict() | {
            "files": files,
            "rejected": str(self.rejected) if self.rejected else None,
        }


def search_settings(
    request: SearchRequest, *, budget: Budget = Budget(), progress: Progress = Silence()
) -> Searched:
    """Search for settings of the language member, and write what was found.

    Parameters
    ----------
    request : SearchRequest
        What is asked for.
    budget : Budget
        Time of this session; it has begun when the budget was made.
    progress : Progress
        Told what happens.

    Returns
    -------
    Searched
        Trials, verdict and files.

    Raises
    ------
    DataError
        If the listings cannot be used.
    ConfigError
        If options contradict each other, or the folder holds something else.
    TrainingStopped
        On Ctrl-C; the same request goes on.
    """
    check_search_place(request.out)
    with RejectedRows(request.out) as rejected:
        progress.start(f"reading {Path(str(request.listings)).name}", 0)
        frame = read_listings(request.listings, query=request.query)
        columns = infer_columns(frame, overrides=request.roles, require_price=True)
        checked = prepare(frame, columns, request.training, progress)
        rejected.add(checked.rejected)
        features = FeatureColumns.from_map(checked.columns)
        # As many as training learns from, so that the preset derives the same epochs.
        n_known = round(len(checked.listings) * (1 - request.training.test_share))
        base = replace(request.training.plan(n_known).tuning, seed=request.training.seed)
        data = divide(checked.listings, features, base)
    parts = {"to learn from": data.training, "validation": data.validation, "test": data.test}
    told = ", ".join(f"{len(rows.texts):,} {name}" for name, rows in parts.items())
    progress.say(f"{told}; trials are chosen by validation, and none sees the test listings")
    request.out.mkdir(parents=True, exist_ok=True)
    result = search(data, base, request.out, request.search, budget=budget, progress=progress)
    title = Path(str(request.listings)).name if request.query is None else "query"
    return Searched(result, write_results(result, request.out, title), rejected.written)


def divide(listings: pd.DataFrame, features: FeatureColumns, base: TuningConfig) -> SearchData:
    """Divide checked listings into what is learned from, what chooses, and what gives the verdict.

    Raises
    ------
    DataError
        If the listings are too few, or the language member cannot read them.
    """
    if len(listings) < _FEWEST_ROWS:
        raise DataError(
            f"expected at least {_FEWEST_ROWS} listings to search with, got {len(listings)}; take the preset"
        )
    refusal = LanguageMember(base).refusal(listings, features)
    if refusal:
        raise DataError(f"there is nothing to search for: {refusal}")
    texts = compose_text(listings, features)
    targets = log_price(listings["price"].to_numpy())
    groups = duplicate_groups(texts)
    split = split_listings(listings, fractions=_FRACTIONS, seed=base.seed, groups=groups)
    parts = [
        Rows([texts[row] for row in part], targets[part], None)
        for part in (split.train, split.validation, split.test)
    ]
    return SearchData(parts[0], parts[1], parts[2], groups[split.test])


def check_search_place(out: Path) -> None:
    """Raise ConfigError if the folder holds something else than a search, before any time is spent."""
    if not out.exists() or any((out / name).is_file() for name in _OURS):
        return
    if not out.is_dir() or any(out.iterdir()):
        raise ConfigError(
            f"expected a new folder or that of an earlier search at {out}, found something else; name another"
        )


def write_results(result: SearchResult, out: Path, title: str) -> dict[str, Path]:
    """Write what was found into a folder; each file is whole or as it was.

    Returns
    -------
    dict of str to pathlib.Path
        The files, by what they are.
    """
    files = {
        "best settings": out / "best.json",
        "trials": out / "trials.csv",
        "everything": out / "search.json",
        "page": out / "search.html",
    }
    texts = {
        "best settings": json.dumps(result.best_settings(), indent=1),
        "everything": json.dumps(result.to_dict(), indent=1),
        "page": search_page(result, title),
    }
    for name, text in texts.items():
        with replaced_file(files[name]) as draft:
            draft.write_text(text, encoding="utf-8")
    rows = result.rows()
    with replaced_file(files["trials"]) as draft, draft.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return files
