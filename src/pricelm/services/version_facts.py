"""What is known of a version of the model: how it was measured, how its intervals hold, and what made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pricelm.evaluation.result import BLEND, LANGUAGE_AFTER, LANGUAGE_BEFORE
from pricelm.services.model_registry import VersionRecord
from pricelm.services.training_folder import read_document

MEASURES = ("mdape", "mae", "rmsle", "r2_log")
_HIGHER_IS_BETTER = ("r2_log",)
_MOST_SLICES = 30
_SLICED = ("coverage_by_category", "coverage_by_band")
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class CoverageSlice:
    """How many prices of a group their interval holds: name, listings, share, its 95 % interval."""

    group: str
    rows: int
    coverage: float
    lower: float
    upper: float


@dataclass(frozen=True)
class VersionFacts:
    """What a bundle says of itself; empty where it was not measured or cannot be read.

    Parameters
    ----------
    version : VersionRecord
        The version.
    name : str
        What people call its bundle.
    currency : str
        Of its prices.
    metrics : dict of str to dict of str to tuple
        Predictor to measure to value with its 95 % interval.
    coverage : tuple or None
        Share of test prices inside their interval, with its 95 % interval.
    confidence_level : float
        What the intervals promise.
    slices : tuple of CoverageSlice
        Coverage by category and by price band.
    tested, learned : int
        Listings that it was measured on, and that it learned from.
    labels : int
        Prices of the review queue among them.
    preset, data : str
        What made it, and the hash of what it learned from.
    members : tuple of str
        Its parts.
    """

    version: VersionRecord
    name: str
    currency: str = ""
    metrics: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    coverage: Interval | None = None
    confidence_level: float = 0.0
    slices: tuple[CoverageSlice, ...] = ()
    tested: int = 0
    learned: int = 0
    labels: int = 0
    preset: str = ""
    data: str = ""
    members: tuple[str, ...] = ()

    def of_blend(self, measure: str) -> Interval | None:
        """Return a measure of the finished model."""
        return self.metrics.get(BLEND, {}).get(measure)

    @property
    def tuning(self) -> tuple[Mapping[str, Interval], Mapping[str, Interval]] | None:
        """The language member before and after it was tuned; None where there is none."""
        before, after = self.metrics.get(LANGUAGE_BEFORE), self.metrics.get(LANGUAGE_AFTER)
        return None if before is None or after is None else (before, after)

    @property
    def keeps_its_promise(self) -> bool:
        """Whether the promised share lies in the interval of the coverage, or below it."""
        return self.coverage is not None and self.coverage[2] >= self.confidence_level


def version_facts(versions: Sequence[VersionRecord]) -> list[VersionFacts]:
    """Return what the bundles of some versions say of themselves."""
    return [_facts(one) for one in versions]


def compare_measure(measure: str, one: Interval, other: Interval) -> str:
    """Return whether the first value is better, worse, or equal: intervals that overlap count as equal.

    Examples
    --------
    >>> compare_measure("mdape", (0.2, 0.18, 0.22), (0.3, 0.28, 0.32))
    'better'
    >>> compare_measure("mdape", (0.2, 0.1, 0.3), (0.3, 0.28, 0.32))
    'equal'
    """
    if one[1] <= other[2] and other[1] <= one[2]:
        return "equal"
    return "better" if (one[0] > other[0]) == (measure in _HIGHER_IS_BETTER) else "worse"


def _facts(version: VersionRecord) -> VersionFacts:
    bundle = version.bundle
    name = f"{bundle.parent.name}/{bundle.name}" if bundle.parent.name else bundle.name
    document = read_document(Path(bundle) / "model.json")
    # a bundle may come from a stranger: nothing of it is taken for granted
    measured, training = _dict(document.get("metrics")), _dict(document.get("training"))
    metrics = {
        str(predictor): {
            str(one): found for one, value in _dict(values).items() if (found := _interval(value))
        }
        for predictor, values in _dict(measured.get("metrics")).items()
    }
    groups = [row for part in _SLICED for row in _list(measured.get(part))]
    slices = tuple(part for row in groups[:_MOST_SLICES] if (part := _slice(row)) is not None)
    labels = _dict(training.get("labels"))
    members = document.get("members")
    return VersionFacts(
        version,
        name,
        str(document.get("currency") or ""),
        metrics,
        _interval(measured.get("coverage")),
        _number(measured.get("confidence_level")),
        slices,
        int(_number(measured.get("n_rows"))),
        int(_number(training.get("rows"))),
        int(_number(labels.get("added")) + _number(labels.get("replaced"))),
        str(_dict(document.get("parameters")).get("preset", "")),
        str(document.get("fingerprint") or "")[:64],
        tuple(map(str, members[:10])) if isinstance(members, list) else (),
    )


def _slice(row: Any) -> CoverageSlice | None:
    row = _dict(row)
    values = [row.get(name) for name in ("coverage", "coverage_lower", "coverage_upper")]
    if not all(isinstance(one, int | float) for one in values):
        return None
    share, lower, upper = map(_number, values)
    return CoverageSlice(str(row.get("group", ""))[:80], int(_number(row.get("rows"))), share, lower, upper)


def _interval(value: Any) -> Interval | None:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(one, int | float) for one in value):
        return float(value[0]), float(value[1]), float(value[2])
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
