"""What a version says of itself, and two of them side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pricelm.services.model_registry import VersionRecord
from pricelm.services.version_facts import compare_measure, version_facts


def record(bundle: Path) -> VersionRecord:
    return VersionRecord(1, bundle, "f", "active", 1.0, datetime(2026, 1, 1, tzinfo=UTC), None)


def test_a_bundle_tells_its_measures(fast_bundle: Path) -> None:
    [facts] = version_facts([record(fast_bundle)])
    document = json.loads((fast_bundle / "model.json").read_text())
    assert facts.of_blend("rmsle") == tuple(document["metrics"]["metrics"]["blend"]["rmsle"])
    assert facts.coverage == tuple(document["metrics"]["coverage"]) and facts.tuning is None
    assert (facts.preset, facts.members) == ("fast", ("lexical", "tabular"))
    assert facts.learned + facts.tested == 160
    assert facts.name == f"{fast_bundle.parent.name}/model"
    assert all(part.lower <= part.coverage <= part.upper for part in facts.slices)
    assert facts.keeps_its_promise is (facts.coverage[2] >= 0.9)
    assert replace(facts, coverage=(0.5, 0.4, 0.6)).keeps_its_promise is False


def test_tuning_has_a_before_and_an_after(tmp_path: Path) -> None:
    metrics = {
        "language before tuning": {"rmsle": [0.7, 0.6, 0.8]},
        "language after tuning": {"rmsle": [0.5, 0.45, 0.55]},
    }
    (tmp_path / "model.json").write_text(json.dumps({"metrics": {"metrics": metrics}}))
    [facts] = version_facts([record(tmp_path)])
    assert facts.tuning == ({"rmsle": (0.7, 0.6, 0.8)}, {"rmsle": (0.5, 0.45, 0.55)})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"metrics": 3, "training": [], "members": "x"}',
        '{"metrics": {"metrics": {"blend": {"rmsle": ["a", 1, 2]}}, "coverage_by_band": [4]}}',
    ],
)
def test_a_strange_bundle_tells_nothing_and_breaks_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    [facts] = version_facts([record(tmp_path)])
    assert (facts.of_blend("rmsle"), facts.coverage, facts.slices, facts.learned) == (None, None, (), 0)


@pytest.mark.parametrize(
    ("measure", "one", "other", "verdict"),
    [
        ("rmsle", (0.5, 0.4, 0.6), (0.9, 0.7, 1.1), "better"),
        ("rmsle", (0.9, 0.7, 1.1), (0.5, 0.4, 0.6), "worse"),
        ("rmsle", (0.5, 0.4, 0.7), (0.9, 0.7, 1.1), "equal"),
        ("r2_log", (0.5, 0.4, 0.6), (0.9, 0.7, 1.0), "worse"),
        ("r2_log", (0.9, 0.7, 1.0), (0.5, 0.4, 0.6), "better"),
    ],
)
def test_only_intervals_that_do_not_overlap_differ(
    measure: str, one: tuple[float, float, float], other: tuple[float, float, float], verdict: str
) -> None:
    assert compare_measure(measure, one, other) == verdict
