"""Rows of the accuracy table, from the stored predictions alone.

Differences are gains: positive means that pricelm is better, whichever way the metric points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.intervals import interval_rows
from benchmarks.ours import OURS
from benchmarks.results import Row, passes
from pricelm.evaluation.bootstrap import Replicates, Resampling, resample
from pricelm.evaluation.metrics import METRICS

ERROR_METRICS = ("rmsle", "r2_log", "mae", "mdape")
WITHOUT_LANGUAGE = "without_language"
GAIN_OVER = "rmsle_gain_over_"
LANGUAGE_GAIN = "rmsle_gain_from_language"
PUBLISHED: dict[tuple[str, str], dict[str, float]] = {
    ("mercari", "r2_log"): {
        "TF-IDF + ridge": 0.454,
        "AutoGluon multimodal, up to 10,000 rows": 0.469,
        "best published": 0.491,
    },
    ("mercari", "rmsle"): {"TF-IDF + ridge": 0.544},
}
# what the best preset must reach over all folds
BEST_BARS = {("mercari", "r2_log"): ">= 0.5", ("mercari", "rmsle"): "<= 0.52"}
ALL_FOLDS = {"mercari": 5}
LANGUAGE_BAR_SETS = frozenset({"mercari", "flipkart"})


def accuracy_rows(
    cases: Iterable[Case], *, kinds: dict[str, str], preset: str, resampling: Resampling = Resampling()
) -> list[Row]:
    """Return all rows of all cases.

    Parameters
    ----------
    cases : iterable of Case
        Aligned predictions.
    kinds : dict of str to str
        Set name to what its slices are; coverage by ``"category"`` has a bar.
    preset : str
        The preset that ours ran with; the accuracy bars are for ``"best"``.
    resampling : Resampling
        Number of resamples and seed of the bootstrap.

    Returns
    -------
    list of Row
        In the order of the cases.
    """
    rows: list[Row] = []
    for case in cases:
        replicates = _replicates(case, resampling)
        rows.append(Row(case.name, "test_rows", float(len(case.rows))))
        rows += _error_rows(case, replicates, preset)
        rows += _cost_rows(case)
        rows += _gain_rows(case, replicates)
        if case.main:
            rows += _fold_mean_rows(case)
            rows += _member_rows(case, replicates)
            rows += interval_rows(case, kinds[case.set_name])
    return rows


def _replicates(case: Case, resampling: Resampling) -> Replicates:
    predictions = {name: case.predicted(name) for name in case.tables}
    ours = case.tables.get(OURS)
    if ours is not None:
        for column in _member_columns(case):
            predictions[column] = ours[column].to_numpy(np.float64)
        if WITHOUT_LANGUAGE in ours:
            predictions[WITHOUT_LANGUAGE] = ours[WITHOUT_LANGUAGE].to_numpy(np.float64)
    metrics = {name: name for name in ERROR_METRICS}
    rows = case.rows
    return resample(rows["actual"], predictions, metrics, rows["group"], resampling)


def _error_rows(case: Case, replicates: Replicates, preset: str) -> Iterator[Row]:
    for metric in ERROR_METRICS:
        key = (case.set_name, metric)
        bar = BEST_BARS.get(key) if preset == "best" and _is_complete(case) else None
        value, ends = None, None
        if OURS in case.tables:
            value, *around = replicates.estimate(OURS, metric)
            ends = (around[0], around[1])
        numbers = {name: replicates.estimate(name, metric).value for name in case.peers}
        yield Row(
            case.name,
            metric,
            value,
            ends,
            {**numbers, **_absent_peers(case)},
            PUBLISHED.get(key, {}) if _is_complete(case) else {},
            bar,
            passes(value, bar) if bar else None,
        )
    if OURS in case.absent:
        # without this row a run in which ours broke would count as ok
        yield Row(case.name, f"ran ({case.absent[OURS]})", 0.0, bar=">= 1", ok=False)


def _cost_rows(case: Case) -> Iterator[Row]:
    train = {name: _mean(facts, "train_seconds") for name, facts in case.facts.items()}
    rate = {
        name: 1000 * sum(fact["predict_seconds"] for fact in facts) / sum(fact["n_test"] for fact in facts)
        for name, facts in case.facts.items()
    }
    for metric, seconds in (("seconds_to_train", train), ("seconds_per_1000_predictions", rate)):
        peers = {name: seconds[name] for name in case.peers}
        yield Row(case.name, metric, seconds.get(OURS), peers={**peers, **_absent_peers(case)})


def _gain_rows(case: Case, replicates: Replicates) -> Iterator[Row]:
    if OURS not in case.tables:
        return
    for peer in case.compared:
        gain = replicates.difference(OURS, peer, "rmsle")
        ok = gain.upper >= 0  # worse would mean that the whole interval is below zero
        ends = (gain.lower, gain.upper)
        yield Row(case.name, f"{GAIN_OVER}{peer}", gain.value, ends, bar="upper end >= 0", ok=ok)
    if case.main and WITHOUT_LANGUAGE in replicates.values:
        gain = replicates.difference(OURS, WITHOUT_LANGUAGE, "rmsle")
        gated = case.set_name in LANGUAGE_BAR_SETS
        yield Row(
            case.name,
            LANGUAGE_GAIN,
            gain.value,
            (gain.lower, gain.upper),
            bar="lower end > 0" if gated else None,
            ok=gain.lower > 0 if gated else None,
        )
    elif case.main and case.set_name in LANGUAGE_BAR_SETS:
        yield Row(case.name, LANGUAGE_GAIN, None, bar="lower end > 0", ok=False)


def _fold_mean_rows(case: Case) -> Iterator[Row]:
    if len(case.folds) < 2:
        return
    fold = case.rows["fold"].to_numpy()
    actual = case.rows["actual"].to_numpy()
    for metric in ("rmsle", "r2_log"):
        means = {
            name: float(np.mean([METRICS[metric](actual[fold == k], prices[fold == k]) for k in case.folds]))
            for name, prices in ((name, case.predicted(name)) for name in case.tables)
        }
        peers = {name: means[name] for name in case.peers}
        yield Row(case.name, f"{metric}_mean_of_folds", means.get(OURS), peers=peers)


def _member_rows(case: Case, replicates: Replicates) -> Iterator[Row]:
    columns = _member_columns(case)
    if not columns:
        return
    for metric in ERROR_METRICS:
        members = {
            column.removeprefix("member:"): replicates.estimate(column, metric).value for column in columns
        }
        ours = replicates.estimate(OURS, metric).value
        yield Row(case.name, f"{metric}_beside_members", ours, peers=members)


def _member_columns(case: Case) -> list[str]:
    ours = case.tables.get(OURS)
    if ours is None:
        return []
    # a member that refused on one fold has no number over all of them
    return [str(name) for name in ours if str(name).startswith("member:") and ours[name].notna().all()]


def _absent_peers(case: Case) -> dict[str, str]:
    return {name: why for name, why in case.absent.items() if name != OURS}


def _is_complete(case: Case) -> bool:
    return case.main and len(case.folds) >= ALL_FOLDS.get(case.set_name, 1)


def _mean(facts: Sequence[Any], key: str) -> float:
    return float(np.mean([fact[key] for fact in facts]))
