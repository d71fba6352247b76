"""Somebody outside sees each epoch of a training and may end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor


class GaveUp(Exception):
    pass


class Follower:
    """Remembers what it saw, gives up after some epochs, or stops after some steps."""

    def __init__(self, *, give_up_after: int = 99, stop_after: int = 10**6) -> None:
        self.seen: list[list[int]] = []
        self.asked = 0
        self.give_up_after, self.stop_after = give_up_after, stop_after

    def after_epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        self.seen.append([record["epoch"] for record in history])
        if len(history) >= self.give_up_after:
            raise GaveUp

    def wants_stop(self) -> bool:
        self.asked += 1
        return self.asked >= self.stop_after


def test_it_sees_the_whole_history_after_each_epoch(
    rows: tuple[list[str], np.ndarray], tiny_config: Callable[..., TuningConfig]
) -> None:
    follower = Follower()
    LanguageRegressor(tiny_config(epochs=3)).fit(*rows, validation=rows, supervisor=follower)
    assert follower.seen == [[1], [1, 2], [1, 2, 3]]


def test_what_it_raises_ends_the_training(
    rows: tuple[list[str], np.ndarray], tiny_config: Callable[..., TuningConfig]
) -> None:
    follower = Follower(give_up_after=2)
    with pytest.raises(GaveUp):
        LanguageRegressor(tiny_config(epochs=5)).fit(*rows, supervisor=follower)
    assert follower.seen[-1] == [1, 2]


def test_a_stop_that_it_asks_for_is_resumed_to_the_same_result(
    rows: tuple[list[str], np.ndarray],
    new_rows: tuple[list[str], np.ndarray],
    tiny_config: Callable[..., TuningConfig],
    tmp_path: Path,
) -> None:
    whole = LanguageRegressor(tiny_config()).fit(*rows).predict(new_rows[0])
    stopping = Follower(stop_after=17)
    with pytest.raises(TrainingStopped, match="after step 17"):
        LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path / "run", supervisor=stopping)
    follower = Follower()
    resumed = LanguageRegressor(tiny_config()).fit(*rows, run_dir=tmp_path / "run", supervisor=follower)
    assert resumed.predict(new_rows[0]) == pytest.approx(whole, abs=1e-6)
    assert stopping.seen + follower.seen == [[1], [1, 2]]


def test_several_processes_cannot_be_followed(
    rows: tuple[list[str], np.ndarray], tiny_config: Callable[..., TuningConfig]
) -> None:
    with pytest.raises(ConfigError, match="processes 1 with a supervisor"):
        LanguageRegressor(tiny_config(processes=2)).fit(*rows, supervisor=Follower())
