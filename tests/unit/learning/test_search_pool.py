"""Several processes on one study."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.language.config import TuningConfig
from pricelm.learning import search_pool
from pricelm.learning.search import SearchData, SearchOptions, search
from tests.conftest import Notes

TWO = SearchOptions(trials=6, workers=2)

pytestmark = pytest.mark.slow


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes that the pool starts, in order."""
    workers: list[Any] = []
    begin = search_pool._Worker.__init__

    def remember(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        workers.append(self)

    monkeypatch.setattr(search_pool._Worker, "__init__", remember)
    return workers


@contextmanager
def meanwhile(act: Any) -> Iterator[None]:
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)


def test_two_processes_share_the_trials_and_one_more_session_goes_on(
    data: SearchData, base: TuningConfig, tmp_path: Path, notes: Notes
) -> None:
    result = search(data, base, tmp_path, TWO, progress=notes)
    assert [record.number for record in result.records] == list(range(6))
    assert all(record.finished for record in result.records)
    assert {record.worker for record in result.records} <= {1, 2}
    assert len({str(record.values) for record in result.records}) == 6
    assert TuningConfig.from_dict(result.records[0].config) == base
    told = [line for line in notes.said if line.startswith("trial ")]
    assert len(told) == 6
    assert not (tmp_path / "work" / "job").exists()
    more = search(data, base, tmp_path, SearchOptions(trials=8))
    assert more.records[:6] == result.records and len(more.records) == 8


def test_a_killed_process_loses_no_trial(
    data: SearchData, base: TuningConfig, tmp_path: Path, notes: Notes, started: list[Any]
) -> None:
    def kill_the_first() -> None:
        runs = tmp_path / "work" / "runs"
        deadline = time.monotonic() + 50
        while time.monotonic() < deadline and not (runs.exists() and any(runs.iterdir())):
            time.sleep(0.02)
        os.kill(started[0].process.pid, signal.SIGKILL)

    with meanwhile(kill_the_first):
        search(data, replace(base, epochs=30), tmp_path, SearchOptions(trials=4, workers=2), progress=notes)
    assert any("process 1 was killed (SIGKILL)" in line for line in notes.said)
    result = search(data, replace(base, epochs=30), tmp_path, SearchOptions(trials=4))
    assert [record.number for record in result.records] == list(range(4))
    assert all(record.finished for record in result.records)


def test_ctrl_c_stops_all_processes_in_good_order(
    data: SearchData, base: TuningConfig, tmp_path: Path, started: list[Any]
) -> None:
    def interrupt() -> None:
        runs = tmp_path / "work" / "runs"
        deadline = time.monotonic() + 50
        while time.monotonic() < deadline and not (runs.exists() and any(runs.iterdir())):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    config = replace(base, epochs=400)
    with meanwhile(interrupt), pytest.raises(TrainingStopped, match="interrupted"):
        search(data, config, tmp_path, SearchOptions(trials=4, workers=2))
    assert [worker.process.returncode for worker in started] == [0, 0]


def test_an_error_of_one_process_ends_all(
    data: SearchData, base: TuningConfig, tmp_path: Path, started: list[Any]
) -> None:
    with pytest.raises(ConfigError, match="max_length 500 is more than"):
        search(data, replace(base, max_length=500), tmp_path, TWO)
    assert all(not worker.running for worker in started)
