"""The serving benchmark: fair turns, right bars, and a naive service that says what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks import serving, serving_subjects
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor


class Recorder:
    def __init__(self, name: str, asked: list[str]) -> None:
        self.name, self.asked = name, asked

    def ask(self, command: str) -> object:
        self.asked.append(f"{self.name} {command}")
        return [0.1, 0.2] if command.startswith("latency") else float(len(self.asked))


def test_subjects_take_turns_and_the_best_rate_counts() -> None:
    asked: list[str] = []
    subjects = {name: Recorder(name, asked) for name in ("naive", "int8")}
    measured = serving.take_turns(subjects, rounds=2, calls=2, texts=9)
    assert asked[:4] == ["naive latency 2", "naive throughput 9", "int8 latency 2", "int8 throughput 9"]
    assert asked[4:] == asked[:4]
    assert measured["latency"]["int8"] == [0.1, 0.2] * 2
    assert measured["throughput"] == {"naive": 6.0, "int8": 8.0}


@pytest.mark.parametrize(("int8", "reached"), [(0.04, True), (0.08, False)])
def test_the_bars_compare_int8_with_the_naive_service(int8: float, reached: bool) -> None:
    seconds = {"naive": [0.1] * 100, "fp32": [0.09] * 100, "int8": [int8] * 100}
    rates = {"naive": 10.0, "fp32": 12.0, "int8": 26.0 if reached else 24.0}
    errors = {"naive": 0.5, "fp32": 0.5, "int8": 0.504 if reached else 0.506}
    measured = {"latency": seconds, "throughput": rates}
    rows = serving.comparison_rows("case", measured, errors, dict.fromkeys(rates, 1))
    bars = {row.metric: row.ok for row in rows if row.bar}
    assert set(bars) == {"latency_p50_ratio", "latency_p99_ratio", "throughput_ratio", "error_ratio"}
    assert set(bars.values()) == {reached}
    shown = next(row for row in rows if row.metric == "latency_p50_ms")
    assert shown.ours == pytest.approx(1000 * int8) and set(shown.peers) == {"naive", "fp32"}


def test_a_command_scores_other_texts_in_every_round() -> None:
    seen: list[Sequence[str]] = []

    def score(texts: Sequence[str]) -> np.ndarray:
        seen.append(texts)
        return np.zeros(len(texts))

    texts = list("abcdef")
    assert len(serving_subjects.answer("latency 3", score, texts, 0)) == 3
    assert serving_subjects.answer("throughput 8", score, texts, 2) > 0
    assert seen == [["a"], ["b"], ["c"], list("cdefabcd")]
    assert serving_subjects.answer("predict", score, texts, 5) == [0.0] * 6


def test_the_naive_service_says_what_the_model_says(tiny_backbone: Path, tmp_path: Path) -> None:
    texts = [f"{color} {thing}" for color in ("red", "old wooden") for thing in ("cup", "sofa", "lamp")] * 12
    config = TuningConfig(backbone=str(tiny_backbone), epochs=1, max_length=16)
    model = LanguageRegressor(config).fit(texts, np.arange(len(texts)))
    model.save(tmp_path / "copy-0")
    score = serving_subjects.naive_scorer(tmp_path / "copy-0", max_length=16)
    np.testing.assert_allclose(score(texts), model.predict(texts), rtol=1e-4)
