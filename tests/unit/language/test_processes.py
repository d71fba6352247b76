"""Several processes that train one network: the same result, and no way to hang or to be left behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pricelm.core.errors import ConfigError, OutputError, TrainingStopped
from pricelm.core.protocols import Silence
from pricelm.language import launcher
from pricelm.language.batching import BatchPlan
from pricelm.language.checkpoints import read_checkpoint
from pricelm.language.config import TuningConfig
from pricelm.language.distributed import ProcessTeam, Team
from pricelm.language.handover import Job, LineProgress, read_failure, relay, write_failure
from pricelm.language.regressor import LanguageRegressor
from pricelm.language.rows import Rows
from tests.conftest import Notes

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]
TIMES = ("seconds", "texts_per_second", "eta_seconds")


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def odd_rows() -> RowsOf:
    """41 texts: with batches of 8 the last step has a single text, which two processes cannot divide."""
    from tests.unit.language.conftest import priced_texts

    return priced_texts(41)


class Watcher(Silence):
    """Does something after a step."""

    def __init__(self, after: int, act: Callable[[], object]) -> None:
        self.after, self.act, self.steps = after, act, 0

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps
        if self.steps == self.after:
            self.act()


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def losses(run_dir: Path) -> list[float]:
    lines = (run_dir / "training_log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if record["event"] == "step"]


def team_of(rank: int, size: int) -> ProcessTeam:
    """Return a team as one of its processes sees it, without a connection."""
    team = ProcessTeam.__new__(ProcessTeam)
    team.rank, team.size, team.sharded = rank, size, False
    return team


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_shares_of_all_processes_are_the_step(size: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 9, 23)
    for step in BatchPlan(batch_size=4, accumulation_steps=2).epoch(lengths, 0):
        seen: list[int] = []
        for rank in range(size):
            shares = list(team_of(rank, size).shares(step))
            assert len(shares) == len(step)
            assert all(len(rows) for rows, _ in shares)
            seen += [int(row) for rows, weight in shares if weight for row in rows]
        assert sorted(seen) == sorted(int(row) for rows in step for row in rows)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_each_item_is_the_turn_of_one_process_and_all_keep_step(size: int) -> None:
    turns = [list(team_of(rank, size).turns(range(5))) for rank in range(size)]
    assert len({len(own) for own in turns}) == 1
    assert sorted(item for own in turns for item, counts in own if counts) == list(range(5))


def test_a_process_finds_its_own_random_state() -> None:
    states = {"cpu": torch.tensor([0]), "cpu:1": torch.tensor([1])}
    assert team_of(1, 2).own_random(states) == {"cpu": states["cpu:1"]}
    assert team_of(2, 3).own_random(states) == {}
    assert Team().own_random(states)["cpu"] is states["cpu"]


@pytest.mark.parametrize("with_facts", [True, False])
@pytest.mark.parametrize("with_validation", [True, False])
def test_a_job_arrives_as_it_was_sent(tmp_path: Path, with_facts: bool, with_validation: bool) -> None:
    facts = np.array([[1.0, np.nan]]) if with_facts else None
    rows = Rows(["rot 葡萄酒 \ud83c\udf77"], np.array([0.1 + 0.2]), facts)
    config = TuningConfig(processes=2, sharded=True, learning_rate=1 / 3)
    Job(config, rows, rows if with_validation else None, tmp_path).write(tmp_path)
    job = Job.read(tmp_path)
    assert (job.config, job.run_dir) == (config, tmp_path)
    assert job.rows.digest() == rows.digest()
    assert (job.held_out is not None) is with_validation
    assert job.held_out is None or job.held_out.digest() == rows.digest()


def test_progress_goes_through_a_pipe() -> None:
    pipe, notes = io.StringIO(), Notes()
    told = LineProgress(pipe)
    told.start("tuning", 3)
    told.advance(2, "half\nway")
    told.say("done")
    for line in [*pipe.getvalue().splitlines(), "a remark", "[]", "3"]:
        relay(line, notes)
    assert (notes.tasks, notes.steps, notes.said) == (["tuning"], 2, ["done"])


def test_an_error_arrives_with_its_kind_and_cause(tmp_path: Path) -> None:
    error = TrainingStopped("no space")
    error.__cause__ = OSError(28, "No space left on device")
    write_failure(tmp_path, 1, error)
    found = read_failure(tmp_path, 1)
    assert isinstance(found, TrainingStopped)
    assert isinstance(found.__cause__, OSError)
    assert (str(found), found.__cause__.errno) == ("no space", 28)
    assert read_failure(tmp_path, 0) is None


def test_a_folder_that_cannot_be_written_is_said(
    tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be handed to 2 processes"):
        LanguageRegressor(tiny_config(processes=2)).fit(*rows, run_dir=tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sharded": True}, "at least 2 processes, got 1"),
        ({"sharded": True, "processes": 2, "optimizer": "muon"}, "'adamw' or 'sgd' with sharded, got 'muon'"),
        ({"processes": 2, "method": "frozen"}, "a frozen encoder reads every text once"),
        ({"processes": 0}, "processes"),
        ({"sharded": 1}, "sharded"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        TuningConfig(**options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"sharded": True}], ids=["data", "sharded"])
def test_two_processes_find_what_one_finds(
    tiny_config: MakeConfig, odd_rows: RowsOf, new_rows: RowsOf, tmp_path: Path, options: dict[str, Any]
) -> None:
    # The rates of head and topmost layer are equal, so that whole and divided weights could share a group.
    same = {"dropout": 0.0, "clip_norm": 0.5, "patience": 2, "accumulation_steps": 2, "batch_size": 4}
    same |= {"learning_rate": 1e-2}
    found = {}
    for name, more in (("one", {}), ("two", {"processes": 2, **options})):
        model = LanguageRegressor(tiny_config(**same, **more)).fit(
            *odd_rows, validation=new_rows, run_dir=tmp_path / name
        )
        history = [
            {key: value for key, value in epoch.items() if key not in TIMES} for epoch in model.history_
        ]
        found[name] = (losses(tmp_path / name), model.predict(new_rows[0]), history)
    assert len(found["one"][0]) == 12
    assert found["two"][0] == pytest.approx(found["one"][0], abs=2e-5)
    assert found["two"][1] == pytest.approx(found["one"][1], abs=2e-4)
    assert found["two"][2] == [pytest.approx(epoch, abs=2e-4) for epoch in found["one"][2]]
    assert sorted(path.name for path in (tmp_path / "two").iterdir())[0] == "checkpoint-000002"


@pytest.mark.slow
def test_ctrl_c_stops_all_and_another_number_of_processes_goes_on(
    tiny_config: MakeConfig, odd_rows: RowsOf, tmp_path: Path
) -> None:
    whole = LanguageRegressor(tiny_config(dropout=0.0)).fit(*odd_rows)
    sharded = tiny_config(dropout=0.0, processes=2, sharded=True)
    with pytest.raises(TrainingStopped, match=r"after step \d+ of 12; run the same command again"):
        LanguageRegressor(sharded).fit(*odd_rows, run_dir=tmp_path, progress=Watcher(2, press_ctrl_c))
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert 2 <= found.state.step < 12
    assert not list(tmp_path.glob(".processes-*"))
    notes = Notes()
    alone = LanguageRegressor(tiny_config(dropout=0.0)).fit(*odd_rows, run_dir=tmp_path, progress=notes)
    assert f"resuming after step {found.state.step} of 12" in notes.said
    assert alone.predict(odd_rows[0]) == pytest.approx(whole.predict(odd_rows[0]), abs=2e-4)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_and_leaves_the_checkpoint(
    tiny_config: MakeConfig, odd_rows: RowsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(launcher.subprocess, "Popen", Noted)
    config = tiny_config(dropout=0.3, processes=2, epochs=400, checkpoint_every_steps=1)
    # A step is told before its checkpoint is written: in the third, that of the second is there.
    watcher = Watcher(3, lambda: started[1].kill())
    with pytest.raises(TrainingStopped, match=r"process 2 of 2 was killed \(SIGKILL\).*lower batch_size"):
        LanguageRegressor(config).fit(*odd_rows, run_dir=tmp_path, progress=watcher)
    assert all(process.poll() is not None for process in started)
    left = read_checkpoint(tmp_path)
    assert left is not None
    assert left.state.step >= 2
    assert {"cpu", "cpu:1"} <= set(left.tensors["random"])

    # An error in one of the processes is told as if there were only one.
    broken = tiny_config(processes=2, optimizer="sgd", learning_rate=1e18, warmup_share=0.0, clip_norm=None)
    with pytest.raises(ConfigError, match=r"became (nan|inf) at step \d+ with learning_rate 1e\+18"):
        LanguageRegressor(broken).fit(*odd_rows, run_dir=tmp_path)
    assert all(process.poll() is not None for process in started)


@pytest.mark.slow
def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path, tiny_config: MakeConfig) -> None:
    Job(tiny_config(processes=2), Rows(["a", "b"], np.array([1.0, 2.0]), None), None, tmp_path).write(
        tmp_path
    )
    root = Path(__file__).parents[3]
    environment = launcher._environment(0, Job.read(tmp_path)) | {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-P", "-m", "pricelm.language.worker", str(tmp_path), "0"]
    # The other process never comes, so this one would wait half an hour for it.
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 3
