"""The training loop: interrupted, resumed, stopped early, logged."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from pricelm.core.errors import BundleError, ConfigError, TrainingStopped
from pricelm.core.protocols import Silence
from pricelm.language import checkpoints
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]
LOG = "training_log.jsonl"


class Watcher(Silence):
    """Remembers what it is told and presses Ctrl-C after a step."""

    def __init__(self, press_after: int | None = None) -> None:
        self.press_after = press_after
        self.steps = 0
        self.total = 0
        self.said: list[str] = []

    def start(self, task: str, total: int) -> None:
        self.total = total

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps
        if self.steps == self.press_after:
            os.kill(os.getpid(), signal.SIGINT)

    def say(self, message: str) -> None:
        self.said.append(message)


def log_records(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / LOG).read_text().splitlines()]


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    times = {"seconds", "texts_per_second", "eta_seconds"}
    return [{key: value for key, value in record.items() if key not in times} for record in records]


def assert_same_model(left: LanguageRegressor, right: LanguageRegressor, folder: Path) -> None:
    left.save(folder / "left")
    right.save(folder / "right")
    for name in ("model.safetensors", "head.safetensors"):
        ours, theirs = load_file(folder / "left" / name), load_file(folder / "right" / name)
        assert all(np.array_equal(ours[key].numpy(), theirs[key].numpy()) for key in ours)


@pytest.mark.parametrize("press_after", [1, 7, 12, 20, 24])
@pytest.mark.parametrize("options", [{}, {"method": "frozen"}], ids=["full", "head"])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, press_after: int, options: dict[str, Any]
) -> None:
    config = tiny_config(dropout=0.3, **options)  # 12 steps an epoch, 24 in all
    whole = LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "whole")
    with pytest.raises(TrainingStopped, match="run the same command again with the same run_dir"):
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run", progress=Watcher(press_after))
    watcher = Watcher()
    resumed = LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run", progress=watcher)
    assert f"resuming after step {press_after} of 24" in watcher.said
    assert_same_model(whole, resumed, tmp_path)
    assert without_times(whole.history_) == without_times(resumed.history_)
    assert without_times(log_records(tmp_path / "whole")) == without_times(log_records(tmp_path / "run"))


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adafactor"},
        {"optimizer": "muon"},
        {"optimizer": "muon", "method": "last-1"},
        {"schedule": "inverse-sqrt"},
        {"accumulation_steps": 2},
        {"bucketed": False},
    ],
    ids=str,
)
def test_other_options_resume_exactly_too(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, options: dict[str, Any]
) -> None:
    config = tiny_config(**options)
    whole = LanguageRegressor(config).fit(*rows)
    with pytest.raises(TrainingStopped):
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run", progress=Watcher(8))
    assert_same_model(whole, LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run"), tmp_path)


@pytest.mark.parametrize("options", [{"dropout": 0.0}, {"dropout": 0.3}, {"method": "last-1"}], ids=str)
def test_forgetting_states_changes_no_loss(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, options: dict[str, Any]
) -> None:
    for name, forget in (("plain", False), ("forgetful", True)):
        config = tiny_config(gradient_checkpointing=forget, **options)
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path / name)
    plain, forgetful = (without_times(log_records(tmp_path / name)) for name in ("plain", "forgetful"))
    assert plain == forgetful


def test_a_killed_run_resumes_from_its_last_checkpoint(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint_every_steps=5)
    whole = LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "whole")

    class Kill(Watcher):
        def advance(self, steps: int = 1, note: str = "") -> None:
            self.steps += steps
            if self.steps == 18:  # three steps after the checkpoint
                raise MemoryError

    with pytest.raises(MemoryError):
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run", progress=Kill())
    watcher = Watcher()
    resumed = LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run", progress=watcher)
    assert "resuming after step 15 of 24" in watcher.said
    assert_same_model(whole, resumed, tmp_path)
    assert without_times(log_records(tmp_path / "whole")) == without_times(log_records(tmp_path / "run"))


def test_a_second_ctrl_c_stops_at_once_and_keeps_the_last_checkpoint(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    class Impatient(Watcher):
        def advance(self, steps: int = 1, note: str = "") -> None:
            self.steps += steps
            if self.steps == 14:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingStopped, match="interrupted at once"):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=Impatient())
    found = checkpoints.read_checkpoint(tmp_path)
    assert found is not None
    assert found.state.step == 12


def test_an_interrupted_run_without_a_folder_says_that_nothing_is_kept(
    tiny_config: MakeConfig, rows: RowsOf
) -> None:
    with pytest.raises(TrainingStopped, match="no run_dir was given"):
        LanguageRegressor(tiny_config()).fit(*rows, progress=Watcher(3))


def test_a_finished_run_is_not_trained_again(tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path) -> None:
    first = LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path / "run")
    watcher = Watcher()
    again = LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path / "run", progress=watcher)
    assert watcher.total == watcher.steps == 0
    assert_same_model(first, again, tmp_path)
    assert first.history_ == again.history_


@pytest.mark.parametrize("change", ["seed", "text", "target", "validation"])
def test_a_checkpoint_of_another_run_is_not_resumed(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, change: str
) -> None:
    texts, targets = rows
    with pytest.raises(TrainingStopped):
        LanguageRegressor(tiny_config()).fit(texts, targets, run_dir=tmp_path, progress=Watcher(5))
    config, validation = tiny_config(), None
    if change == "seed":
        config = replace(config, seed=1)
    elif change == "text":
        texts = ["sofa", *texts[1:]]
    elif change == "target":
        targets = targets + np.eye(1, len(targets)).ravel()
    else:
        validation = (texts[:5], targets[:5])
    watcher = Watcher()
    model = LanguageRegressor(config).fit(
        texts, targets, validation=validation, run_dir=tmp_path, progress=watcher
    )
    assert any("other options or other data" in line for line in watcher.said)
    assert watcher.steps == 24
    fresh = LanguageRegressor(config).fit(texts, targets, validation=validation)
    assert np.array_equal(model.predict(texts), fresh.predict(texts))
    assert [record["step"] for record in log_records(tmp_path) if record["event"] == "step"] == list(
        range(1, 25)
    )


def test_threads_and_checkpoint_interval_may_change_between_sessions(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    with pytest.raises(TrainingStopped):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=Watcher(5))
    watcher = Watcher()
    LanguageRegressor(tiny_config(checkpoint_every_steps=3, threads=1, gradient_checkpointing=True)).fit(
        *rows, run_dir=tmp_path, progress=watcher
    )
    assert "resuming after step 5 of 24" in watcher.said


def test_early_stopping_goes_back_to_the_best_weights(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    texts, targets = rows
    # Validation wants the opposite of training, so that every epoch of learning makes it worse.
    validation = (texts, -targets)
    config = tiny_config(epochs=9, patience=2)
    stopped = LanguageRegressor(config).fit(texts, targets, validation=validation, run_dir=tmp_path / "run")
    losses = [epoch["validation_loss"] for epoch in stopped.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 9
    found = -stopped.predict(texts)
    assert float(np.sqrt(np.mean((found - targets) ** 2))) == pytest.approx(
        stopped.history_[best]["validation_rmse"], rel=1e-4
    )
    never_best = LanguageRegressor(replace(config, patience=None)).fit(texts, targets, validation=validation)
    assert len(never_best.history_) == 9

    with pytest.raises(TrainingStopped):  # during the epochs after the best one
        LanguageRegressor(config).fit(
            texts,
            targets,
            validation=validation,
            run_dir=tmp_path / "cut",
            progress=Watcher(12 * (best + 2) - 3),
        )
    resumed = LanguageRegressor(config).fit(texts, targets, validation=validation, run_dir=tmp_path / "cut")
    assert_same_model(stopped, resumed, tmp_path)


def test_patience_without_validation_is_a_wrong_option(tiny_config: MakeConfig, rows: RowsOf) -> None:
    with pytest.raises(ConfigError, match="patience needs validation"):
        LanguageRegressor(tiny_config(patience=1)).fit(*rows)


def test_validation_errors_are_in_the_targets_unit(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf
) -> None:
    model = LanguageRegressor(tiny_config(epochs=3)).fit(
        rows[0], rows[1] * 1000, validation=(new_rows[0], new_rows[1] * 1000)
    )
    error = float(np.sqrt(np.mean((model.predict(new_rows[0]) - new_rows[1] * 1000) ** 2)))
    assert model.history_[-1]["validation_rmse"] == pytest.approx(error, rel=1e-5)


def test_validation_does_not_change_what_is_learned(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf
) -> None:
    plain = LanguageRegressor(tiny_config(dropout=0.3)).fit(*rows)
    watched = LanguageRegressor(tiny_config(dropout=0.3)).fit(*rows, validation=new_rows)
    assert np.array_equal(plain.predict(rows[0]), watched.predict(rows[0]))


def test_the_log_has_a_line_for_each_step_and_epoch(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf, tmp_path: Path
) -> None:
    config = tiny_config(warmup_share=0.25, schedule="linear")
    LanguageRegressor(config).fit(*rows, validation=new_rows, run_dir=tmp_path)
    records = log_records(tmp_path)
    steps = [record for record in records if record["event"] == "step"]
    assert [record["step"] for record in steps] == list(range(1, 25))
    assert (
        max(record["learning_rate"] for record in steps) == config.learning_rate == steps[5]["learning_rate"]
    )
    assert steps[0]["learning_rate"] == pytest.approx(config.learning_rate / 6)
    assert steps[-1]["eta_seconds"] == 0 < steps[0]["eta_seconds"]
    assert all(record["texts_per_second"] > 0 for record in steps)
    epochs = [record for record in records if record["event"] == "epoch"]
    assert [record["epoch"] for record in epochs] == [1, 2]
    first = [record["loss"] for record in steps if record["epoch"] == 1]
    assert epochs[0]["train_loss"] == pytest.approx(np.mean(first))
    assert all(record["validation_loss"] > 0 for record in epochs)


def test_clipping_bounds_a_step(tiny_config: MakeConfig, rows: RowsOf) -> None:
    def predicted(clip_norm: float | None, rate: float) -> np.ndarray:
        one_step = {"epochs": 1, "batch_size": len(rows[0]), "warmup_share": 0.0, "weight_decay": 0.0}
        config = tiny_config(
            method="frozen", optimizer="sgd", head_learning_rate=rate, clip_norm=clip_norm, **one_step
        )
        return LanguageRegressor(config).fit(*rows).predict(rows[0])

    start = predicted(None, 1e-12)
    assert np.abs(predicted(None, 1.0) - start).max() > 0.1
    assert np.abs(predicted(1e-4, 1.0) - start).max() < 0.01


@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_a_loss_that_is_no_number_is_said(
    tiny_config: MakeConfig, rows: RowsOf, clip_norm: float | None
) -> None:
    config = tiny_config(
        optimizer="sgd", learning_rate=1e18, head_learning_rate=1e18, warmup_share=0.0, clip_norm=clip_norm
    )
    with pytest.raises(ConfigError, match=r"became (nan|inf) at step \d+ with learning_rate 1e\+18"):
        LanguageRegressor(config).fit(*rows)


def test_a_full_disk_is_said_and_the_older_checkpoint_stays(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint_every_steps=4)
    whole = LanguageRegressor(config).fit(*rows)
    save_file, calls = checkpoints.save_file, []

    def full(tensors: Any, path: Path) -> None:
        calls.append(path)
        if len(calls) == 5:  # in the middle of the second checkpoint
            raise OSError(28, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(TrainingStopped, match=r"No space left on device.*checkpoint-000001 is intact"):
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run")
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "checkpoint-000001",
        "run.json",
        LOG,
    ]
    assert_same_model(whole, LanguageRegressor(config).fit(*rows, run_dir=tmp_path / "run"), tmp_path)


def test_only_one_checkpoint_is_kept_and_it_holds_no_pickle(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    with pytest.raises(TrainingStopped):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=Watcher(15))
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert [path.name for path in folders] == ["checkpoint-000002"]
    assert {path.suffix for path in folders[0].iterdir()} == {".safetensors", ".json"}


def test_a_half_written_checkpoint_is_not_seen(tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path) -> None:
    (tmp_path / ".unfinished-x").mkdir()
    (tmp_path / ".unfinished-x" / "state.json").write_text("{")
    LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path)
    assert not (tmp_path / ".unfinished-x").exists()


@pytest.mark.parametrize(
    "name", ["state.json", "model.safetensors", "optimizer.safetensors", "random.safetensors"]
)
def test_a_broken_checkpoint_is_said_rather_than_ignored(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, name: str
) -> None:
    with pytest.raises(TrainingStopped):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=Watcher(5))
    path = tmp_path / "checkpoint-000001" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BundleError, match="Delete that folder"):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path)
    shutil.rmtree(path.parent)
    LanguageRegressor(tiny_config(epochs=1)).fit(*rows, run_dir=tmp_path)
