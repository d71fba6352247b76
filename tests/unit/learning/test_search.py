"""A search: what is tried, stopped, resumed, ended early, and what is said in the end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from pricelm.core.errors import ConfigError, DataError, TrainingStopped
from pricelm.core.protocols import Silence
from pricelm.evaluation.bootstrap import paired_difference
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor
from pricelm.learning import search_run
from pricelm.learning.budget import Budget
from pricelm.learning.search import SearchData, SearchOptions, search
from pricelm.learning.search_result import SearchResult
from pricelm.learning.search_run import model_folder
from pricelm.models.text import from_log_price
from tests.conftest import Notes
from tests.unit.learning.conftest import made_up_search

TRIALS = SearchOptions(trials=7)


def facts(result: SearchResult) -> list[tuple[Any, ...]]:
    """Return what must not depend on interruptions."""
    return [(one.number, one.state, one.value, one.config, one.curve) for one in result.records]


@pytest.fixture(scope="module")
def whole(data: SearchData, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """A search that nothing interrupted."""
    config = TuningConfig(
        backbone=str(tiny_backbone),
        max_length=16,
        epochs=2,
        batch_size=8,
        learning_rate=1e-3,
        precision="fp32",
    )
    return search(data, config, tmp_path_factory.mktemp("whole"), TRIALS)


def test_the_first_trial_is_the_preset_itself(whole: SearchResult, base: TuningConfig) -> None:
    assert TuningConfig.from_dict(whole.records[0].config) == base
    assert whole.records[0].state == "complete"
    others = {str(record.config) for record in whole.records}
    assert len(others) == len(whole.records) == 7


def test_the_value_is_the_error_on_the_validation_rows(
    whole: SearchResult, data: SearchData, base: TuningConfig
) -> None:
    model = LanguageRegressor(base).fit(data.training.texts, data.training.targets)
    error = model.predict(data.validation.texts) - data.validation.targets
    assert whole.records[0].value == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-4)


def test_the_verdict_is_the_paired_difference_on_the_test_rows(
    data: SearchData, base: TuningConfig, tmp_path: Path
) -> None:
    result = search(data, base, tmp_path, SearchOptions(trials=4))
    assert result.best is not None and result.verdict is not None and result.best.number != 0
    models = [LanguageRegressor.load(model_folder(tmp_path / "work", n)) for n in (result.best.number, 0)]
    best, preset = (from_log_price(model.predict(data.test.texts)) for model in models)
    actual = from_log_price(data.test.targets)
    assert result.verdict.gain == paired_difference(actual, best, preset, "rmsle", data.test_groups)
    assert result.verdict.n_rows == 24


def test_only_the_models_of_the_best_and_of_the_preset_are_kept(
    data: SearchData, base: TuningConfig, tmp_path: Path
) -> None:
    result = search(data, base, tmp_path, SearchOptions(trials=4))
    assert result.best is not None
    kept = {int(folder.name) for folder in (tmp_path / "work" / "models").iterdir()}
    assert kept == {0, result.best.number}
    assert not list((tmp_path / "work" / "runs").iterdir())


def test_a_search_that_was_stopped_again_and_again_ends_like_one_that_was_not(
    whole: SearchResult,
    data: SearchData,
    base: TuningConfig,
    tmp_path: Path,
    make_clock: Callable[..., Any],
    notes: Notes,
) -> None:
    for _ in range(40):
        session = Budget(19, make_clock(step=1.0))
        result = search(data, base, tmp_path, TRIALS, budget=session, progress=notes)
        if sum(record.finished for record in result.records) == 7:
            break
    assert any("stopped halfway" in line for line in notes.said)
    assert facts(result) == facts(whole)


class CtrlC(Silence):
    """A person who interrupts after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_leaves_a_study_that_goes_on(
    whole: SearchResult, data: SearchData, base: TuningConfig, tmp_path: Path
) -> None:
    with pytest.raises(TrainingStopped, match=r"stopped after [12] trials .*go on"):
        search(data, base, tmp_path, TRIALS, progress=CtrlC(after=30))
    assert facts(search(data, base, tmp_path, TRIALS)) == facts(whole)


def test_a_trial_whose_process_was_killed_goes_on(
    whole: SearchResult,
    data: SearchData,
    base: TuningConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    class Killer(Silence):
        steps = 0

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.steps += 1
            if self.steps == 20:
                raise Killed

    # A process that is killed gives nothing back.
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("pricelm.learning.search_study.SearchStudy.give_back", lambda *_: None)
        search(data, base, tmp_path, TRIALS, progress=Killer())
    assert facts(search(data, base, tmp_path, TRIALS)) == facts(whole)


def test_the_budget_is_kept(
    data: SearchData, base: TuningConfig, tmp_path: Path, make_clock: Callable[..., Any]
) -> None:
    clock = make_clock(step=1.0)
    result = search(data, base, tmp_path, budget=Budget(100, clock))
    # A step takes a second on this clock; what follows the last one may not take many.
    assert 100 <= clock.now <= 105
    states = [record.state for record in result.records]
    assert states.count("waiting") <= 1 and "complete" in states


def test_a_budget_that_is_too_short_for_the_preset_is_no_failure(
    data: SearchData, base: TuningConfig, tmp_path: Path, make_clock: Callable[..., Any]
) -> None:
    result = search(data, base, tmp_path, budget=Budget(3, make_clock(step=1.0)))
    assert result.best is None and result.verdict is None
    assert [record.state for record in result.records] == ["waiting"]


def test_hopeless_trials_are_pruned_and_cost_little(
    data: SearchData, base: TuningConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[tuple[TuningConfig, int]] = []
    fit = LanguageRegressor.fit

    def counted(self: LanguageRegressor, *rows: Any, **options: Any) -> LanguageRegressor:
        follower = options["supervisor"]
        try:
            return fit(self, *rows, **options)
        finally:
            tuned.append((self.config, len(follower._told)))

    monkeypatch.setattr(LanguageRegressor, "fit", counted)
    result = search(data, replace(base, epochs=4), tmp_path, SearchOptions(trials=16))
    pruned = [record for record in result.records if record.state == "pruned"]
    assert pruned and result.records[0].state == "complete"
    for record in pruned:
        config, epochs_seen = tuned[record.number]
        assert 1 <= epochs_seen < config.epochs
        assert record.value == record.curve[max(record.curve)]


def test_a_trial_that_fails_is_told_and_the_search_goes_on(
    data: SearchData, base: TuningConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = search_run.TrialRunner._tune

    def failing(self: Any, number: int, *rest: Any) -> float:
        if number == 1:
            raise RuntimeError("no memory for this batch")
        return tune(self, number, *rest)

    monkeypatch.setattr(search_run.TrialRunner, "_tune", failing)
    result = search(data, base, tmp_path, SearchOptions(trials=3))
    assert [record.state for record in result.records] == ["complete", "failed", "complete"]
    assert result.records[1].reason == "RuntimeError: no memory for this batch"


def test_a_preset_that_cannot_be_tuned_is_an_error(
    data: SearchData, base: TuningConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="max_length 500 is more than"):
        search(data, replace(base, max_length=500), tmp_path, SearchOptions(trials=3))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"data": made_up_search(seed=7)}, "listings"),
        ({"epochs": 3}, "settings to start from"),
        ({"methods": ("lora",)}, "methods"),
        ({"seed": 5}, "seed"),
    ],
    ids=["listings", "settings", "methods", "seed"],
)
def test_another_search_in_the_same_folder_is_refused(
    data: SearchData, base: TuningConfig, tmp_path: Path, other: dict[str, Any], what: str
) -> None:
    first = search(data, base, tmp_path, SearchOptions(trials=2))
    with pytest.raises(ConfigError, match=f"same search, got one with other {what};"):
        search(
            other.get("data", data),
            replace(base, epochs=other.get("epochs", base.epochs)),
            tmp_path,
            SearchOptions(trials=3, methods=other.get("methods", ()), seed=other.get("seed", 0)),
        )
    assert facts(search(data, base, tmp_path, SearchOptions(trials=2))) == facts(first)


def test_two_searches_cannot_share_a_folder(data: SearchData, base: TuningConfig, tmp_path: Path) -> None:
    with FileLock(tmp_path / "search.lock"), pytest.raises(ConfigError, match="one is at work in"):
        search(data, base, tmp_path, SearchOptions(trials=2))


def test_a_search_without_an_end_is_refused(data: SearchData, base: TuningConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a budget of time or a number of trials"):
        search(data, base, tmp_path)
    with pytest.raises(ConfigError, match="at least 2 trials, got 1"):
        SearchOptions(trials=1)
    with pytest.raises(ConfigError, match="at least 1 worker, got 0"):
        SearchOptions(workers=0)


def test_a_part_without_rows_is_refused(data: SearchData) -> None:
    few = replace(data.test, texts=data.test.texts[:1])
    with pytest.raises(DataError, match="at least 2 different listings in the test part"):
        replace(data, test=few)
