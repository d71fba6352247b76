"""Comparing methods: arithmetic, what is kept, what is repeated, what fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.core.errors import ConfigError, DataError, TrainingStopped
from pricelm.evaluation.bootstrap import Resampling, paired_difference
from pricelm.language.config import TuningConfig
from pricelm.learning import comparison_runs
from pricelm.learning.comparison import ComparisonPlan, compare, equal_time_trials, fitting_epochs
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.comparison_result import comparison_rows
from pricelm.learning.comparison_runs import Outcome
from pricelm.learning.trial_process import Interrupted
from pricelm.models.text import from_log_price

Plans = Callable[..., ComparisonPlan]


def results_of(folder: Path) -> dict[str, Any]:
    """Return every result by method and epochs, with the time of its file."""
    found = {}
    for path in folder.glob("trials/*/*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        tuning = result["tuning"]
        found[tuning["method"], tuning["epochs"]] = (result, path.stat().st_mtime_ns)
    return found


def measured(
    method: str, seconds: float, *, epochs: int = 3, preparation: float = 10.0, **more: Any
) -> Outcome:
    per_epoch = (seconds - preparation) / epochs
    facts = {"seconds": seconds, "preparation_seconds": preparation, "seconds_per_epoch": per_epoch}
    return Outcome("data", TuningConfig(method=method, epochs=epochs, **more), facts, np.zeros(1))


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(100.0, 3), (99.0, 3), (97.0, 2), (1.0, 1), (1e9, 200), (190.0, 6)]
)
def test_epochs_that_fit(seconds: float, epochs: int) -> None:
    assert fitting_epochs({"preparation_seconds": 10.0, "seconds_per_epoch": 30.0}, seconds) == epochs


def test_equal_time_is_what_full_took_with_the_same_backbone() -> None:
    outcomes = [
        measured("lora", 70.0),
        measured("full", 130.0),
        replace(measured("prefix", 50.0), error="killed"),
        measured("lora", 40.0, backbone="smollm2"),
        measured("frozen", 20.0, epochs=20, backbone="smollm2"),
    ]
    trials = equal_time_trials(outcomes, None)
    assert [(one.backbone, one.method, one.epochs) for one in trials] == [
        ("minilm", "lora", 6),
        ("minilm", "full", 3),
        ("smollm2", "lora", 3),
        ("smollm2", "frozen", 61),
    ]
    assert [one.epochs for one in equal_time_trials(outcomes[:2], 70.0)] == [3, 1]


def test_equal_data_follows_the_preset_and_its_limit() -> None:
    plan = ComparisonPlan(("full", "frozen"))
    assert [one.epochs for one in plan.trials_at_equal_data(8000)] == [3, 30]
    assert [one.epochs for one in replace(plan, epochs=2).trials_at_equal_data(8000)] == [2, 20]
    assert [one.epochs for one in replace(plan, epochs=9).trials_at_equal_data(8000)] == [3, 30]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("lorra",)}, "did you mean 'lora'"),
        ({"methods": ("lora", "lora")}, "each once"),
        ({"methods": ()}, "at least one"),
        ({"equal": ("money",)}, "data, time"),
        ({"seconds": 0.0}, "above 0"),
        ({"epochs": 0}, "at least 1 epoch"),
        ({"settings": {"epochs": 3}}, "the comparison sets them"),
        ({"settings": {"max_lenght": 3}}, "max_length"),
    ],
)
def test_impossible_plans_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ComparisonPlan(**options)


def test_data_without_tests_is_refused() -> None:
    with pytest.raises(DataError, match="at least"):
        ComparisonData(["a"], np.ones(1), [], np.ones(0), np.ones(0))


def test_the_difference_is_that_of_the_paired_bootstrap(comparison_data: ComparisonData) -> None:
    random = np.random.default_rng(0)
    close = np.log1p(comparison_data.test_prices) + random.normal(0, 0.1, 24)
    facts = dict.fromkeys(
        ("trained_parameters", "parameters", "seconds", "seconds_per_1000_predictions", "peak_memory_bytes",
         "model_bytes", "trained_bytes"), 1)  # fmt: skip
    outcomes = [
        Outcome("data", TuningConfig(), facts, close + random.normal(0, 0.5, 24)),
        Outcome("data", TuningConfig(method="prompt"), error="killed"),
        Outcome("data", TuningConfig(method="lora"), facts, close),
    ]
    first, failed, lora = comparison_rows(outcomes, comparison_data, Resampling(n=200, seed=3))
    assert (first.verdict, failed.verdict, lora.verdict) == ("first", "failed", "better")
    assert failed.rmsle is None and failed.to_dict()["seconds"] is None
    actual, groups = comparison_data.test_prices, comparison_data.test_groups
    assert first.rmsle is not None and first.rmsle.lower < first.rmsle.value < first.rmsle.upper
    assert outcomes[0].predictions is not None
    expected = paired_difference(
        actual, from_log_price(close), from_log_price(outcomes[0].predictions), "rmsle", groups,
        Resampling(n=200, seed=3),
    )  # fmt: skip
    assert lora.difference == expected


def test_a_comparison_keeps_what_is_finished_and_shows_what_fails(
    comparison_data: ComparisonData, tiny_plan: Plans, tmp_path: Path, notes: Any
) -> None:
    # a child inherits its parent's peak in getrusage, so a large parent would show in every row
    ballast = np.ones(190_000_000)
    plan = tiny_plan("prefix", "last-9")
    outcomes = compare(plan, comparison_data, tmp_path, notes)
    assert outcomes[0].error == "" and "'last-2' at most" in outcomes[1].error
    prefix = outcomes[0].result
    # two layers of 16 tokens with a key and a value of width 16 each, and the head
    assert prefix["trained_parameters"] == 16 * 2 * 2 * 16 + 17
    assert prefix["parameters"] == 7297 + 16 * 2 * 2 * 16
    assert 4 * prefix["trained_parameters"] < prefix["trained_bytes"] < prefix["model_bytes"]
    parts = prefix["preparation_seconds"] + prefix["seconds_per_epoch"]
    assert prefix["seconds"] > 0 and prefix["seconds"] >= parts - 0.002, "each is rounded"
    assert 50e6 < prefix["peak_memory_bytes"] < ballast.nbytes
    before = results_of(tmp_path)
    again = compare(tiny_plan("prefix"), comparison_data, tmp_path, notes)
    assert results_of(tmp_path) == before, "a finished trial was run again"
    assert np.array_equal(again[0].predictions, outcomes[0].predictions)
    assert any("1 of them are finished" in line for line in notes.said)
    assert not list(tmp_path.rglob("model*.safetensors")), "what is large goes when it has been measured"


def test_other_data_or_other_code_runs_again(
    comparison_data: ComparisonData, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = TuningConfig(backbone=str(tiny_backbone))
    mark = comparison_runs.fingerprint(tuning, comparison_data.digest())
    assert mark == comparison_runs.fingerprint(replace(tuning, threads=2), comparison_data.digest())
    assert mark != comparison_runs.fingerprint(replace(tuning, epochs=7), comparison_data.digest())
    other = replace(comparison_data, test_prices=comparison_data.test_prices + 1)
    assert mark != comparison_runs.fingerprint(tuning, other.digest())
    monkeypatch.setattr(comparison_runs, "code_version", lambda: "later")
    assert mark != comparison_runs.fingerprint(tuning, comparison_data.digest())


def test_ctrl_c_stops_and_says_how_to_go_on(
    comparison_data: ComparisonData, tiny_plan: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> str:
        raise Interrupted

    monkeypatch.setattr(comparison_runs, "carry_out", interrupted)
    with pytest.raises(TrainingStopped, match="0 trials are finished"):
        compare(tiny_plan("full"), comparison_data, tmp_path)


_SCRIPT = """
import sys, numpy as np
from pathlib import Path
from pricelm.learning.comparison import ComparisonPlan, compare
from pricelm.learning.comparison_data import ComparisonData
from tests.generated_listings import listings_frame
frame = listings_frame(64)
texts, prices = frame["name"].tolist(), frame["cost"].to_numpy()
groups = np.array([0, *range(23)])
data = ComparisonData(texts[:40], np.log1p(prices[:40]), texts[40:], prices[40:], groups)
settings = {"max_length": 16, "batch_size": 2, "precision": "fp32"}
plan = ComparisonPlan(("last-1", "bitfit"), (sys.argv[1],), ("data",), epochs=8, settings=settings)
compare(plan, data, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def straight(comparison_data: ComparisonData, tiny_plan: Plans, tmp_path_factory: Any) -> np.ndarray:
    """What the trial that is killed below predicts when it is left alone."""
    plan = tiny_plan("bitfit", epochs=8, settings={"batch_size": 2})
    (outcome,) = compare(plan, comparison_data, tmp_path_factory.mktemp("straight"))
    assert outcome.predictions is not None
    return outcome.predictions


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_comparison_goes_on_to_the_same_result(
    comparison_data: ComparisonData,
    tiny_plan: Plans,
    tiny_backbone: Path,
    straight: np.ndarray,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", _SCRIPT, str(tiny_backbone), str(tmp_path)]
    process = subprocess.Popen(
        command,
        cwd=root,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": f"{root}/src:{root}", "OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("trials/*/bitfit*/run/checkpoint-*/state.json")):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read().decode()
            time.sleep(0.002)
        process.send_signal(how)
        said = process.communicate(timeout=30)[1].decode()
    finally:
        process.kill()
        process.wait()
    assert how == signal.SIGKILL or "1 trials are finished" in said, said
    before = results_of(tmp_path)
    assert list(before) == [("last-1", 8)]
    plan = tiny_plan("last-1", "bitfit", epochs=8, settings={"batch_size": 2})
    resumed = compare(plan, comparison_data, tmp_path)
    assert results_of(tmp_path).items() >= before.items(), "the finished trial was run again"
    log = next(tmp_path.glob("trials/*/bitfit*/run/run.json"))
    sessions = json.loads(log.read_text(encoding="utf-8"))["sessions"]
    assert len(sessions) == 2 and sessions[1]["after_step"] > 0
    assert np.array_equal(resumed[1].predictions, straight)
