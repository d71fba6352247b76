"""Comparing methods of tuning on a file of listings: one table, one page, one JSON file a run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.duplicates import duplicate_groups
from pricelm.catalog.readers import read_listings
from pricelm.catalog.splits import split_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.evaluation.bootstrap import Resampling
from pricelm.evaluation.method_chart import MethodPoint
from pricelm.evaluation.method_page import method_page
from pricelm.language.backbones import require_training_libraries
from pricelm.learning.comparison import EQUALS, METHODS_TO_COMPARE, ComparisonPlan, compare
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.comparison_result import ComparisonRow, comparison_rows, guess_rmsle
from pricelm.models.fingerprint import software_versions
from pricelm.models.preparation import TrainingSet, prepare_training
from pricelm.models.text import FeatureColumns, compose_text, log_price
from pricelm.services.outputs import replaced_file

_PANELS = {"data": "At equal data", "time": "At equal time"}
_LARGEST_TEST_SHARE = 0.5
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class ComparisonRequest:
    """What `compare_methods` is asked for.

    Parameters
    ----------
    listings : str or pathlib.Path
        File or database address of the listings.
    out : pathlib.Path
        Folder of the results.
    methods, backbones, equal, seconds, epochs
        As in ``ComparisonPlan``.
    query : str, optional
        SQL query, with a database address.
    roles : mapping, optional
        Roles of columns where the inferred ones are wrong.
    currency : str, optional
        ISO 4217 code where the data does not say it.
    keep_leaks : bool, default False
        Learn from columns that nearly equal the price.
    rows : int, optional
        Take so many listings, drawn at random, instead of all.
    max_length : int, default 64
        Tokens of a text that are read.
    head : str, default "regression"
        What is predicted.
    test_share : float, default 0.2
        Share of the listings to measure on.
    seed : int, default 0
        Seed of everything random.

    Raises
    ------
    ConfigError
        If an option has an impossible value.
    """

    listings: str | Path
    out: Path
    methods: tuple[str, ...] = METHODS_TO_COMPARE
    backbones: tuple[str, ...] = ("minilm",)
    equal: tuple[str, ...] = EQUALS
    seconds: float | None = None
    epochs: int | None = None
    query: str | None = None
    roles: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    currency: str | None = None
    keep_leaks: bool = False
    rows: int | None = None
    max_length: int = 64
    head: str = "regression"
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.test_share <= _LARGEST_TEST_SHARE:
            raise ConfigError(
                f"expected a test share above 0 and up to {_LARGEST_TEST_SHARE:g}, got {self.test_share:g}"
            )
        if self.rows is not None and self.rows < _FEWEST_ROWS:
            raise ConfigError(f"expected at least {_FEWEST_ROWS} rows to train and test on, got {self.rows}")
        self.plan()

    def plan(self) -> ComparisonPlan:
        """Return the plan of trials."""
        settings = {"max_length": self.max_length, "head": self.head, "seed": self.seed}
        return ComparisonPlan(
            self.methods, self.backbones, self.equal, self.seconds, self.epochs, settings=settings
        )


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Parameters
    ----------
    rows : list of ComparisonRow
        The table.
    n_train, n_test : int
        Listings to learn from and to measure on.
    guess : float
        Error of guessing the median price for everything.
    document, page : pathlib.Path
        ``comparison.json`` and ``comparison.html``.
    seconds : float
        Time of everything in this call.
    """

    rows: list[ComparisonRow]
    n_train: int
    n_test: int
    guess: float
    document: Path
    page: Path
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "comparison": str(self.document),
            "page": str(self.page),
            "seconds": round(self.seconds, 1),
            "n_train": self.n_train,
            "n_test": self.n_test,
            "median_guess_rmsle": self.guess,
            "rows": [row.to_dict() for row in self.rows],
        }


def compare_methods(request: ComparisonRequest, progress: Progress = Silence()) -> Comparison:
    """Compare methods of tuning on a file of listings.

    Parameters
    ----------
    request : ComparisonRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    Comparison
        The table; methods that failed are rows with an error.

    Raises
    ------
    DataError
        If the listings cannot be used.
    MissingExtraError
        If the training libraries are not installed.
    OutputError
        If a result cannot be written.
    TrainingStopped
        On Ctrl-C; the same request goes on from there.
    """
    started = time.monotonic()
    require_training_libraries()
    progress.start(f"reading {Path(str(request.listings)).name}", 0)
    frame = read_listings(request.listings, query=request.query)
    columns = infer_columns(frame, overrides=request.roles, require_price=True)
    for role, column, why in columns.describe():
        progress.say(f"{role}: {column} ({why})")
    known = prepare_training(frame, columns=columns, currency=request.currency, keep_leaks=request.keep_leaks)
    data = divided(known, request)
    progress.start("comparing methods", 0)
    outcomes = compare(request.plan(), data, request.out, progress)
    rows = comparison_rows(outcomes, data, Resampling(seed=request.seed))
    result = Comparison(
        rows,
        len(data.texts),
        len(data.test_texts),
        guess_rmsle(data),
        request.out / "comparison.json",
        request.out / "comparison.html",
        time.monotonic() - started,
    )
    _publish(result, Path(str(request.listings)).name if request.query is None else "query")
    return result


def divided(known: TrainingSet, request: ComparisonRequest) -> ComparisonData:
    """Write listings as texts and keep some aside, near-duplicates on one side.

    Raises
    ------
    DataError
        If too few listings are left.
    """
    listings = known.listings
    if request.rows is not None and request.rows < len(listings):
        drawn = np.random.default_rng(request.seed).permutation(len(listings))[: request.rows]
        listings = listings.iloc[np.sort(drawn)]
    if len(listings) < _FEWEST_ROWS:
        raise DataError(
            f"expected at least {_FEWEST_ROWS} listings with a price to compare methods on, got "
            f"{len(listings)}; give more"
        )
    texts = compose_text(listings, FeatureColumns.from_map(known.columns))
    groups = duplicate_groups(texts)
    fractions = (1 - request.test_share, 0.0, 0.0, request.test_share)
    split = split_listings(listings, fractions=fractions, seed=request.seed, groups=groups)
    prices = listings["price"].to_numpy(dtype=float)
    return ComparisonData(
        [texts[row] for row in split.train],
        log_price(prices[split.train]),
        [texts[row] for row in split.test],
        prices[split.test],
        groups[split.test],
    )


def panels(rows: Sequence[ComparisonRow]) -> tuple[dict[str, list[MethodPoint]], list[str]]:
    """Return the points of each chart, and the backbones, whose places are the numbers of the series."""
    backbones = list(dict.fromkeys(row.backbone for row in rows))
    charts = {
        title: [
            MethodPoint(row.method, backbones.index(row.backbone), row.trained_parameters, row.rmsle)
            for row in rows
            if row.equal == equal and row.rmsle is not None
        ]
        for equal, title in _PANELS.items()
    }
    return charts, backbones


def page_table(rows: Sequence[ComparisonRow]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells of the table on the page."""
    heads = ["equal", "backbone and method", "epochs", "RMSLE", "than the first", "trained", "seconds",
             "s per 1,000", "peak MB", "saved MB", "tuned MB"]  # fmt: skip
    lines = []
    for row in rows:
        name = f"{Path(row.backbone).name} {row.method}"
        if row.rmsle is None:
            lines.append([row.equal, f"{name}: {row.error}", str(row.epochs), *["–"] * 8])
            continue
        value, lower, upper = row.rmsle
        lines.append(
            [row.equal, name, str(row.epochs), f"{value:.3f} ({lower:.3f} to {upper:.3f})", row.verdict,
             f"{row.trained_parameters:,}", f"{row.seconds:,.1f}", f"{row.seconds_per_1000_predictions:.2f}",
             f"{row.peak_memory_bytes / 1e6:,.0f}", f"{row.model_bytes / 1e6:,.1f}",
             f"{row.trained_bytes / 1e6:,.2f}"]
        )  # fmt: skip
    return heads, lines


def _publish(result: Comparison, name: str) -> None:
    charts, backbones = panels(result.rows)
    about = (
        f"{result.n_train:,} training listings, {result.n_test:,} that no method has seen. Guessing the "
        f"median price for everything has an RMSLE of {result.guess:.3f}. Left is cheaper, lower is better; "
        "methods whose lines overlap may still differ, which the column 'than the first' tells."
    )
    page = method_page(
        f"Methods of tuning on {name}",
        about,
        charts,
        [Path(one).name for one in backbones],
        page_table(result.rows),
    )
    document = {**result.to_dict(), "created_at": pd.Timestamp.now("UTC").isoformat(timespec="seconds")}
    document["versions"] = software_versions()
    with replaced_file(result.page) as draft:
        draft.write_text(page, encoding="utf-8")
    with replaced_file(result.document) as draft:
        draft.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
