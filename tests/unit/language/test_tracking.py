"""A run is watched by files, and watching never ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pricelm
from pricelm.core.errors import ConfigError, MissingExtraError, TrainingStopped
from pricelm.core.protocols import Silence
from pricelm.language import engine
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor
from pricelm.language.tracking import TRACKERS, check_trackers, environment
from tests.conftest import Notes

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]
SECRET = "not-for-any-file-6731"


def record_of(run_dir: Path) -> dict[str, Any]:
    record = json.loads((run_dir / "run.json").read_text())
    assert isinstance(record, dict)
    return record


def files_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_run_folder_says_what_the_run_was(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    config = tiny_config()
    model = LanguageRegressor(config).fit(*rows, validation=new_rows, run_dir=tmp_path)
    record = record_of(tmp_path)
    assert TuningConfig.from_dict(record["config"]) == config
    assert record["environment"]["pricelm"] == pricelm.__version__
    assert record["environment"]["libraries"]["torch"].startswith("2.")
    assert {name: part["rows"] for name, part in record["data"].items()} == {"training": 96, "validation": 60}
    assert record["result"]["status"] == "finished"
    assert record["result"]["validation_loss"] == model.history_[-1]["validation_loss"]
    assert record["started"] <= record["ended"]
    assert SECRET.encode() not in files_below(tmp_path)

    before = (tmp_path / "run.json").read_text()
    LanguageRegressor(config).fit(*rows, validation=new_rows, run_dir=tmp_path)  # finished already
    assert (tmp_path / "run.json").read_text() == before


def test_every_session_is_recorded_however_it_ended(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    class Interrupting(Silence):
        def advance(self, steps: int = 1, note: str = "") -> None:
            os.kill(os.getpid(), signal.SIGINT)

    class Failing(Silence):
        def advance(self, steps: int = 1, note: str = "") -> None:
            if steps == 1:
                raise MemoryError("too much")

    with pytest.raises(TrainingStopped):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=_Nth(Interrupting(), 5))
    with pytest.raises(MemoryError):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, progress=_Nth(Failing(), 9))
    assert record_of(tmp_path)["result"]["error"] == "MemoryError: too much"
    LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path)
    record = record_of(tmp_path)
    assert [session["status"] for session in record["sessions"]] == ["stopped", "failed", "finished"]
    assert [session["after_step"] for session in record["sessions"]] == [0, 5, 12]
    assert record["started"] == record["sessions"][0]["started"]


class _Nth(Silence):
    """Passes only the n-th single step on."""

    def __init__(self, inner: Silence, n: int) -> None:
        self.inner, self.left = inner, n

    def advance(self, steps: int = 1, note: str = "") -> None:
        if steps == 1:
            self.left -= 1
            if self.left == 0:
                self.inner.advance(1, note)


def test_a_fresh_start_forgets_the_sessions_of_another_run(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    for seed in (1, 2):
        LanguageRegressor(tiny_config(seed=seed)).fit(*rows, run_dir=tmp_path)
    assert len(record_of(tmp_path)["sessions"]) == 1


class Recorder:
    """A tracker that remembers, and may fail."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.calls = fails_at, list[tuple[str, Any]]()

    def _note(self, name: str, value: Any) -> None:
        self.calls.append((name, value))
        if name == self.fails_at:
            raise OSError(28, "No space left on device")

    def start(self, facts: Mapping[str, Any], step: int) -> None:
        self._note("start", dict(facts))

    def log(self, record: Mapping[str, Any]) -> None:
        self._note("log", dict(record))

    def end(self, result: Mapping[str, Any]) -> None:
        self._note("end", dict(result))


@pytest.mark.parametrize("fails_at", ["start", "log", "end"])
def test_a_tracker_that_fails_is_said_once_and_training_goes_on(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    broken, whole = Recorder(fails_at), Recorder()
    monkeypatch.setattr(engine, "make_tracker", lambda name, run_dir: broken if name == "wandb" else whole)
    notes = Notes()
    watched = LanguageRegressor(tiny_config()).fit(
        *rows, run_dir=tmp_path, trackers=["wandb", "tensorboard"], progress=notes
    )
    said = [line for line in notes.said if "wandb failed" in line]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert [name for name, _ in broken.calls].count(fails_at) == 1
    assert broken.calls[-1][0] == fails_at
    assert [name for name, _ in whole.calls] == ["start", *["log"] * 26, "end"]
    assert whole.calls[-1][1]["status"] == "finished"
    assert np.array_equal(
        watched.predict(rows[0]), LanguageRegressor(tiny_config()).fit(*rows).predict(rows[0])
    )


def test_a_record_that_cannot_be_written_does_not_end_the_training(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    (tmp_path / "run.json.tmp").mkdir()
    notes = Notes()
    LanguageRegressor(tiny_config(epochs=1)).fit(*rows, run_dir=tmp_path, progress=notes)
    assert any("run.json could not be written" in line for line in notes.said)


@pytest.mark.parametrize(
    ("names", "run_dir", "reason"),
    [
        (["mlflow"], "run", "any of tensorboard, wandb, got 'mlflow'"),
        ("wandb", "run", "put it into a list"),
        (["tensorboard"], None, "pass run_dir as well"),
    ],
)
def test_a_wrong_tracker_is_refused_early(
    tiny_config: MakeConfig, rows: RowsOf, names: Any, run_dir: str | None, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        LanguageRegressor(tiny_config(backbone="there is none")).fit(*rows, run_dir=run_dir, trackers=names)


def test_a_missing_tracker_names_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pricelm.core.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pricelm\[tracking\]'"):
        check_trackers(["tensorboard"], tmp_path)


def test_no_variable_is_part_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    assert SECRET not in json.dumps(environment())


@pytest.mark.slow
def test_tensorboard_shows_the_curves_of_a_resumed_run(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Failing(Silence):
        def advance(self, steps: int = 1, note: str = "") -> None:
            raise MemoryError

    def fit(progress: Silence) -> None:
        LanguageRegressor(tiny_config(checkpoint_every_steps=3)).fit(
            *rows, run_dir=tmp_path, trackers=["tensorboard"], progress=progress
        )

    with pytest.raises(MemoryError):
        fit(_Nth(Failing(), 5))  # steps 4 and 5 are drawn, and taken again
    fit(Silence())
    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    logged = [json.loads(line) for line in (tmp_path / "training_log.jsonl").read_text().splitlines()]
    curve = [(point.step, point.value) for point in events.Scalars("step/loss")]
    steps = [(line["step"], line["loss"]) for line in logged if line["event"] == "step"]
    assert [step for step, _ in curve] == [step for step, _ in steps]
    assert [value for _, value in curve] == pytest.approx([loss for _, loss in steps])
    assert [point.step for point in events.Scalars("epoch/train_loss")] == [12, 24]
    text = b"".join(event.tensor_proto.string_val[0] for event in events.Tensors("run/text_summary"))
    assert record_of(tmp_path)["fingerprint"].encode() in text


@pytest.mark.slow
def test_weights_and_biases_stays_offline_and_keeps_secrets_out(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def noted(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(str(host))
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    monkeypatch.setattr("sys.argv", ["pricelm", f"postgres://shop:{SECRET}@host/listings"])
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    notes = Notes()
    LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path, trackers=["wandb"], progress=notes)
    assert not any("failed" in line for line in notes.said)
    (written,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    # A process of its own writes the file, and may still be at it.
    deadline = time.monotonic() + 60
    while b"step/loss" not in written.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    everything = files_below(tmp_path)
    assert b"step/loss" in written.read_bytes()
    assert record_of(tmp_path)["fingerprint"].encode() in written.read_bytes()
    assert SECRET.encode() not in everything
    assert b"0123456789" * 4 not in everything
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    assert [host for host in asked if host not in ("localhost", "127.0.0.1", "::1")] == []


def test_the_command_line_offers_every_tracker() -> None:
    from pricelm.cli.options import TrackerName

    assert tuple(name.value for name in TrackerName) == TRACKERS
