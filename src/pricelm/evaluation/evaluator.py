"""Everything that is measured about a model on listings that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pricelm.catalog.duplicates import duplicate_groups
from pricelm.core.errors import DataError
from pricelm.core.protocols import PricePredictor
from pricelm.evaluation.bootstrap import Difference, Estimate, MetricLike, Replicates, Resampling, resample
from pricelm.evaluation.metrics import METRICS, advise_metric, band_hits, inside
from pricelm.evaluation.result import (
    BLEND,
    IMAGE,
    LANGUAGE_AFTER,
    LANGUAGE_BEFORE,
    LEXICAL,
    MEDIAN_GUESS,
    TABLE_METRICS,
    TABULAR,
    Evaluation,
)
from pricelm.evaluation.slices import (
    binomial_coverage,
    coverage_by_group,
    metrics_by_slice,
    pool_small_groups,
    price_bands,
)
from pricelm.evaluation.sums import row_mean

__all__ = ["Evaluation", "evaluate"]

_ROW_ORDER = (LEXICAL, LANGUAGE_BEFORE, LANGUAGE_AFTER, TABULAR, IMAGE, BLEND)
_MEMBER_LABELS = {"language": LANGUAGE_AFTER, "language (before tuning)": LANGUAGE_BEFORE}
_CURVE_LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95)
# every further level costs a pass of the model over these rows; 500 show it to +- 3 points
_CURVE_ROWS = 500


def evaluate(
    model: PricePredictor,
    listings: pd.DataFrame,
    *,
    baselines: Mapping[str, np.ndarray] | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
) -> Evaluation:
    """Measure a model on held-out listings.

    Parameters
    ----------
    model : PricePredictor
        Fitted model. What its ``member_predictions(listings)`` returns, if it has that
        method, is measured beside the blend; its ``confidence_level`` (0.9 if it has none)
        is the coverage that its intervals are held against.
    listings : pandas.DataFrame
        Canonical listings with ``price``, none of which the model was fitted on; ``category``
        and ``currency`` are used when there.
    baselines : mapping of str to numpy.ndarray, shape (n_listings,), optional
        Further predictions by name, such as ``{"median guess": ...}`` of the training prices.
    groups : array-like, shape (n_listings,), optional
        Duplicate group of each listing; by default near-duplicates are found by title and
        description where these columns are there, as in the splits.
    seed : int, default 0
        Of the bootstrap and of the sample behind the calibration curve.
    n_bootstrap : int, default 1000
        Number of resamples.

    Returns
    -------
    Evaluation
        Metrics, gains, coverage and slices.

    Raises
    ------
    DataError
        If there is no price column, no row, or a price that is missing or not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> class FlatPrice:
    ...     def predict(self, X):
    ...         return np.full(len(X), 10.0)
    ...     def predict_interval(self, X, confidence_level=None):
    ...         return np.tile([5.0, 15.0], (len(X), 1))
    >>> result = evaluate(FlatPrice(), pd.DataFrame({"price": [8.0, 12.0, 20.0]}), n_bootstrap=100)
    >>> round(result.metrics["blend"]["mae"].value, 3), round(result.coverage.value, 3)
    (4.667, 0.667)
    """
    actual = _actual_prices(listings)
    predicted = _ordered(_all_predictions(model, listings, dict(baselines or {})))
    level = float(getattr(model, "confidence_level", 0.9))
    ends = np.asarray(model.predict_interval(listings, level), dtype=np.float64)
    lower, upper = ends[:, 0], ends[:, 1]
    bands, _ = price_bands(predicted[BLEND])
    cheapest = pd.Series(predicted[BLEND]).groupby(bands).min()
    _, edges = price_bands(actual)
    category = pool_small_groups(_first_levels(listings))
    plans: dict[str, MetricLike] = {
        **{name: name for name in METRICS},
        "band_accuracy": row_mean(partial(band_hits, edges=edges)),
    }
    codes = _duplicate_groups(listings) if groups is None else np.asarray(groups)
    resampling = Resampling(n=n_bootstrap, seed=seed)
    drawn = resample(actual, predicted, plans, codes, resampling)
    held: dict[str, MetricLike] = {
        "coverage": row_mean(lambda first, _: inside(first, lower, upper)),
        "width": row_mean(lambda *_: upper - lower),
    }
    intervals = resample(actual, {BLEND: predicted[BLEND]}, held, codes, resampling)
    own = binomial_coverage(int(inside(actual, lower, upper).sum()), len(actual))
    return Evaluation(
        n_rows=len(listings),
        n_groups=len(np.unique(codes)),
        currency=_currency(listings),
        metrics={name: {metric: drawn.estimate(name, metric) for metric in plans} for name in predicted},
        gains=_gains(drawn, [name for name in predicted if name != BLEND]),
        confidence_level=level,
        coverage=intervals.estimate(BLEND, "coverage"),
        mean_width=intervals.estimate(BLEND, "width"),
        median_relative_width=float(np.median((upper - lower) / np.maximum(predicted[BLEND], 1e-9))),
        calibration_curve=_calibration_curve(model, listings, own, level, seed),
        coverage_by_category=coverage_by_group(actual, lower, upper, category, level, clusters=codes),
        coverage_by_band=coverage_by_group(actual, lower, upper, bands, level, clusters=codes).sort_values(
            "group", key=lambda labels: labels.map(cheapest), ignore_index=True
        ),
        metrics_by_category=metrics_by_slice(actual, predicted[BLEND], category),
        advice=advise_metric(actual),
        predictions=pd.DataFrame(
            {"actual": actual, "predicted": predicted[BLEND], "lower": lower, "upper": upper}
        ),
    )


def _actual_prices(listings: pd.DataFrame) -> np.ndarray:
    if "price" not in listings.columns:
        raise DataError(
            "expected a 'price' column to evaluate against, got columns "
            f"{', '.join(map(str, listings.columns))}; "
            "evaluate on listings whose price is known"
        )
    actual = listings["price"].to_numpy(dtype=np.float64)
    if not (np.isfinite(actual) & (actual > 0)).all() or actual.size == 0:
        raise DataError(
            "expected at least one listing and a positive price for each, got "
            f"{int((~(actual > 0)).sum())} of {actual.size} without one; check the listings first"
        )
    return actual


def _all_predictions(
    model: PricePredictor, listings: pd.DataFrame, predictions: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    members = getattr(model, "member_predictions", None)
    for name, prices in (members(listings) if members else {}).items():
        # a member that is silent at times has no figure to hold beside those of the others
        if not np.isnan(prices).any():
            predictions[_MEMBER_LABELS.get(name, name)] = np.asarray(prices, dtype=np.float64)
    predictions[BLEND] = np.asarray(model.predict(listings), dtype=np.float64)
    return predictions


def _ordered(predictions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put the naive guess first, foreign baselines next, then the members and the blend."""
    foreign = [name for name in predictions if name != MEDIAN_GUESS and name not in _ROW_ORDER]
    order = [MEDIAN_GUESS, *foreign, *_ROW_ORDER]
    return {name: predictions[name] for name in order if name in predictions}


def _first_levels(listings: pd.DataFrame) -> pd.Series:
    if "category" not in listings.columns:
        return pd.Series("(no category)", index=listings.index)
    first = listings["category"].fillna("").astype(str).str.split("/").str[0].str.strip()
    return first.where(first != "", "(no category)")


def _currency(listings: pd.DataFrame) -> str:
    if "currency" not in listings.columns:
        return ""
    known = listings["currency"].dropna().astype(str)
    return str(known.iloc[0]) if known.nunique() == 1 else ""


def _gains(drawn: Replicates, others: list[str]) -> dict[str, dict[str, Difference]]:
    return {
        other: {metric: drawn.difference(BLEND, other, metric) for metric in TABLE_METRICS}
        for other in others
    }


def _calibration_curve(
    model: PricePredictor, listings: pd.DataFrame, own: Estimate, level: float, seed: int
) -> pd.DataFrame:
    """Promised against observed coverage: at the model's level for all, at others for a sample."""
    sample = listings
    if len(listings) > _CURVE_ROWS:
        chosen = np.random.default_rng(seed).choice(len(listings), _CURVE_ROWS, replace=False)
        sample = listings.iloc[np.sort(chosen)]
    actual = sample["price"].to_numpy(dtype=np.float64)
    rows = [(level, *own, len(listings))]
    for other in sorted({*_CURVE_LEVELS} - {level}):
        ends = np.asarray(model.predict_interval(sample, other), dtype=np.float64)
        hits = int(inside(actual, ends[:, 0], ends[:, 1]).sum())
        rows.append((other, *binomial_coverage(hits, len(actual)), len(actual)))
    columns = ["level", "coverage", "coverage_lower", "coverage_upper", "rows"]
    return pd.DataFrame(sorted(rows), columns=columns)


def _duplicate_groups(listings: pd.DataFrame) -> np.ndarray:
    """Group near-duplicates by title and description, as the splits do."""
    parts = [listings[name].fillna("").astype(str) for name in ("title", "description") if name in listings]
    return duplicate_groups([" ".join(part) for part in zip(*parts, strict=True)] or [""] * len(listings))
