"""Methods of tuning: one suite over everything registered, on an encoder and on a decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.core.protocols import Silence
from pricelm.language import engine
from pricelm.language.config import TuningConfig
from pricelm.language.methods import METHODS, build_method
from pricelm.language.methods.method import Method
from pricelm.language.regressor import LanguageRegressor

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]

EVERY_METHOD = [name.replace("N", "1") for name in METHODS]
ADDED = ["lora", "dora", "adalora", "prefix", "prompt", "ia3", "adapter"]
SMALL: dict[str, dict[str, Any]] = {
    "lora": {"rank": 4},
    "dora": {"rank": 4},
    "adalora": {"rank": 2, "first_rank": 4},
    "prefix": {"tokens": 4},
    "prompt": {"tokens": 4},
    "adapter": {"size": 8},
}


@pytest.fixture(scope="module", params=["bert", "llama"])
def backbone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_backbone: Any
) -> Path:
    return make_backbone(tmp_path_factory.mktemp("backbone") / request.param, request.param)


@pytest.fixture
def config_of(tiny_config: MakeConfig, backbone: Path) -> MakeConfig:
    def make(method: str, **options: Any) -> TuningConfig:
        defaults = {
            "backbone": str(backbone),
            "method": method,
            "method_options": SMALL.get(method, {}),
            "learning_rate": None,
            "dropout": 0.0,
        }
        return tiny_config(**(defaults | options))

    return make


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_it_learns_is_saved_and_reads_back_to_the_same_predictions(
    method: str, config_of: MakeConfig, rows: RowsOf, new_rows: RowsOf, tmp_path: Path
) -> None:
    options = {"epochs": 25, "head_learning_rate": 3e-2}
    model = LanguageRegressor(config_of(method, **options)).fit(*rows)
    predicted = model.predict(new_rows[0])
    # a random backbone that stays as it is leaves little to learn from
    bar = 0.95 if method == "frozen" else 0.8
    assert np.sqrt(np.mean((predicted - new_rows[1]) ** 2)) < bar * new_rows[1].std()
    model.save(tmp_path / "saved")
    again = LanguageRegressor.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict(new_rows[0]), predicted, atol=1e-6)
    np.testing.assert_allclose(again.embed(new_rows[0]), model.embed(new_rows[0]), atol=1e-6)
    again.save(tmp_path / "twice")
    np.testing.assert_allclose(
        LanguageRegressor.load(tmp_path / "twice").predict(new_rows[0]), predicted, atol=1e-6
    )


@pytest.mark.parametrize("method", ADDED)
def test_folding_into_the_backbone_does_not_change_predictions(
    method: str, config_of: MakeConfig, rows: RowsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[np.ndarray] = []
    plain = engine.build_method

    def watched(*arguments: Any) -> Method:
        found = plain(*arguments)
        finish = found.finish

        def look_then_finish(network: Any) -> None:
            ids = torch.arange(2, 20).reshape(2, 9)
            mask = torch.ones_like(ids)
            mask[0, 5:] = 0
            with torch.no_grad():
                before.append(network.eval()(ids, mask).numpy())
                finish(network)
                before.append(network.eval()(ids, mask).numpy())

        monkeypatch.setattr(found, "finish", look_then_finish)
        return found

    monkeypatch.setattr(engine, "build_method", watched)
    LanguageRegressor(config_of(method, epochs=3)).fit(*rows)
    np.testing.assert_allclose(before[0], before[1], atol=1e-5)


@pytest.mark.parametrize("method", [*ADDED, "frozen"])
def test_the_backbones_own_weights_stay_until_changes_are_folded_in(
    method: str, config_of: MakeConfig, rows: RowsOf, backbone: Path, tmp_path: Path
) -> None:
    own = load_file(backbone / "model.safetensors")
    model = LanguageRegressor(config_of(method)).fit(*rows)
    model.save(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "model.safetensors")
    same = {name: torch.equal(saved[name], tensor) for name, tensor in own.items() if name in saved}
    assert set(saved) <= set(own)
    folds = method in ("lora", "dora", "adalora", "ia3")
    assert all(same.values()) != folds
    assert all(kept for name, kept in same.items() if "embed" in name or "norm" in name.lower())


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    method: str, config_of: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    config = config_of(method, epochs=3, dropout=0.1)
    whole = LanguageRegressor(config).fit(*rows).predict(rows[0])

    class Stop(Silence):
        count = 0

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.count += steps
            if self.count == 20:  # in the middle of the second epoch
                raise KeyboardInterrupt

    with pytest.raises(TrainingStopped):
        LanguageRegressor(config).fit(*rows, run_dir=tmp_path, progress=Stop())
    resumed = LanguageRegressor(config).fit(*rows, run_dir=tmp_path)
    assert np.array_equal(resumed.predict(rows[0]), whole)


@pytest.mark.parametrize("method", ADDED)
def test_few_weights_are_tuned(method: str, config_of: MakeConfig, rows: RowsOf) -> None:
    full = LanguageRegressor(config_of("full", epochs=1)).fit(*rows).n_trained_parameters_
    few = LanguageRegressor(config_of(method, epochs=1)).fit(*rows).n_trained_parameters_
    assert 17 < few < full / 2


def test_adalora_moves_ranks_between_layers(config_of: MakeConfig, rows: RowsOf) -> None:
    options = {"rank": 2, "first_rank": 4}
    model = LanguageRegressor(config_of("adalora", method_options=options, epochs=8)).fit(*rows)
    ranks = model.method_report_["ranks"]
    assert len(set(ranks.values())) > 1, "all layers have the same rank, so none was moved"
    assert max(ranks.values()) <= 4
    assert sum(ranks.values()) == 2 * len(ranks)


def test_more_layers_than_there_are_is_refused(config_of: MakeConfig, rows: RowsOf) -> None:
    with pytest.raises(ConfigError, match="'last-2' at most"):
        LanguageRegressor(config_of("last-3")).fit(*rows)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("lora", {"rank": 0}),
        ("lora", {"alpha": 0}),
        ("lora", {"dropout": 1.0}),
        ("lora", {"first_rank": 3}),
        ("adalora", {"first_rank": 4}),
        ("adalora", {"warmup_share": 0.9}),
        ("prefix", {"tokens": 0}),
        ("prompt", {"tokens": True}),
        ("ia3", {"rank": 1}),
        ("adapter", {"size": 0}),
        ("adapter", {"dropout": "much"}),
        ("full", {"rank": 1}),
    ],
)
def test_wrong_options_are_refused_by_name(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        TuningConfig(method=method, method_options=options)


def test_every_method_can_be_built() -> None:
    assert all(build_method(name, {}).name == name for name in EVERY_METHOD)
