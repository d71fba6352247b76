"""LanguageRegressor: it learns, repeats itself, refuses bad data, and is the same after a reload."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pricelm.core.errors import BundleError, BundleVersionError, ConfigError, DataError
from pricelm.language import engine
from pricelm.language.baseline import frozen_baseline
from pricelm.language.config import TuningConfig
from pricelm.language.examples import Examples
from pricelm.language.network import TextRegressor
from pricelm.language.regressor import LanguageRegressor
from pricelm.language.rows import Rows
from pricelm.language.saving import Fitted

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]


def rmse(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.sqrt(np.mean((left - right) ** 2)))


def encoder_weights(model: LanguageRegressor, folder: Path) -> dict[str, torch.Tensor]:
    model.save(folder)
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def tuned(tiny_backbone: Path, rows: RowsOf) -> LanguageRegressor:
    """Return a regressor that one module's tests share and do not change."""
    config = TuningConfig(
        backbone=str(tiny_backbone),
        max_length=48,
        epochs=12,
        batch_size=8,
        dropout=0.0,
        learning_rate=1e-2,
        head_learning_rate=1e-2,
        precision="fp32",
    )
    return LanguageRegressor(config).fit(*rows)


def test_it_learns_a_rule_from_the_text(tuned: LanguageRegressor, rows: RowsOf, new_rows: RowsOf) -> None:
    texts, targets = new_rows
    assert rmse(tuned.predict(texts), targets) < 0.25 * rmse(rows[1].mean(), targets)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "learning_rate": 0.1, "head_learning_rate": 0.1},
        {"head_options": {"loss": "mae"}},
        {"head_options": {"loss": "mse"}},
        {"method": "last-1"},
    ],
    ids=str,
)
def test_every_way_of_tuning_learns(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf, options: dict[str, Any]
) -> None:
    config = tiny_config(**({"epochs": 12, "learning_rate": 1e-2, "dropout": 0.0} | options))
    model = LanguageRegressor(config).fit(*rows)
    assert rmse(model.predict(new_rows[0]), new_rows[1]) < 0.6 * rmse(rows[1].mean(), new_rows[1])


def test_the_targets_unit_does_not_matter(tiny_config: MakeConfig, rows: RowsOf) -> None:
    texts, targets = rows
    plain = LanguageRegressor(tiny_config()).fit(texts, targets).predict(texts)
    scaled = LanguageRegressor(tiny_config()).fit(texts, targets * 1000 + 50_000).predict(texts)
    np.testing.assert_allclose(scaled, plain * 1000 + 50_000, rtol=1e-4)


def test_the_same_seed_gives_the_same_predictions(tiny_config: MakeConfig, rows: RowsOf) -> None:
    first, again, other = (
        LanguageRegressor(tiny_config(epochs=1, seed=seed)).fit(*rows).predict(rows[0]) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_fitting_leaves_the_random_state_and_the_threads_alone(tiny_config: MakeConfig, rows: RowsOf) -> None:
    torch_state, numpy_state, threads = (
        torch.get_rng_state(),
        np.random.get_state()[1].copy(),
        torch.get_num_threads(),
    )
    LanguageRegressor(tiny_config(epochs=1, threads=threads + 1)).fit(*rows).predict(rows[0])
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("method", "moving"),
    [("full", ["embeddings", "layer.0", "layer.1"]), ("last-1", ["layer.1"]), ("frozen", [])],
)
def test_freezing_freezes_bit_by_bit_and_the_rest_moves(
    tiny_backbone: Path,
    tiny_config: MakeConfig,
    rows: RowsOf,
    tmp_path: Path,
    method: str,
    moving: list[str],
) -> None:
    before = load_file(tiny_backbone / "model.safetensors")
    model = LanguageRegressor(tiny_config(method=method)).fit(*rows)
    for name, tensor in encoder_weights(model, tmp_path).items():
        # Rows and positions that no text uses have no gradient, so whole tensors are compared.
        moved = not torch.equal(tensor, before[name])
        if "key.bias" in name or "token_type" in name:
            continue  # attention ignores a shift of all keys; there is a single token type in use
        assert moved == any(part in name for part in moving), name
    heads = load_file(tmp_path / "head.safetensors")
    assert heads["head.bias"].abs().item() > 0
    assert model.n_trained_parameters_ > 0


def test_head_tuning_reads_each_text_once_and_ends_like_reading_it_in_every_epoch(
    tiny_config: MakeConfig, rows: RowsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = 0
    pool = TextRegressor.pool

    def counted(self: TextRegressor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        nonlocal n_read
        n_read += len(ids)
        return pool(self, ids, mask)

    def unprepared(fitted: Fitted, rows: Rows) -> Examples:
        return engine._examples(fitted, rows.texts, rows.facts, rows.targets)

    monkeypatch.setattr(TextRegressor, "pool", counted)
    config = tiny_config(method="frozen", epochs=20, head_learning_rate=0.1, dropout=0.0, bucketed=False)
    fast = LanguageRegressor(config).fit(*rows)
    assert n_read == len(rows[0])
    assert fast.n_trained_parameters_ == 17
    assert rmse(fast.predict(rows[0]), rows[1]) < 0.85 * rows[1].std()

    monkeypatch.setattr(engine, "_prepared", unprepared)
    n_read = 0
    slow = LanguageRegressor(config).fit(*rows)
    assert n_read == 20 * len(rows[0])
    np.testing.assert_allclose(fast.predict(rows[0]), slow.predict(rows[0]), atol=1e-4)


def test_accumulation_equals_the_larger_batch(tiny_config: MakeConfig, rows: RowsOf) -> None:
    texts, targets = rows[0][:50], rows[1][:50]  # not a multiple of the batch: the last step is short
    large = LanguageRegressor(tiny_config(batch_size=16, dropout=0.0)).fit(texts, targets)
    split = LanguageRegressor(tiny_config(batch_size=4, accumulation_steps=4, dropout=0.0)).fit(
        texts, targets
    )
    other = LanguageRegressor(tiny_config(batch_size=4, dropout=0.0)).fit(texts, targets)
    np.testing.assert_allclose(split.predict(texts), large.predict(texts), atol=1e-3)
    assert [epoch["train_loss"] for epoch in split.history_] == pytest.approx(
        [epoch["train_loss"] for epoch in large.history_], abs=1e-4
    )
    assert np.abs(other.predict(texts) - large.predict(texts)).max() > 0.05


def test_predictions_do_not_depend_on_the_company(tuned: LanguageRegressor, rows: RowsOf) -> None:
    texts = [*rows[0][:30], "sofa " * 40, "", "red"]
    together = tuned.predict(texts)
    alone = np.concatenate([tuned.predict([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(tuned.predict(texts, batch_size=1), alone, atol=1e-5)
    np.testing.assert_allclose(tuned.predict(texts[::-1])[::-1], together, atol=1e-5)


def test_strange_texts_are_predicted(tuned: LanguageRegressor) -> None:
    texts = ["", " ", "🛋️", "椅子", "sofa " * 200_000, "x" * 1_000_000, "\x00"]
    assert np.isfinite(tuned.predict(texts)).all()
    assert tuned.predict([]).shape == (0,)
    assert tuned.embed([]).shape == (0, 16)


def test_embeddings_are_unit_vectors_that_know_likeness(tuned: LanguageRegressor) -> None:
    vectors = tuned.embed(["red sofa", "green sofa", "red cup"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_a_reloaded_model_predicts_the_same_from_another_folder(
    tuned: LanguageRegressor, new_rows: RowsOf, tmp_path: Path
) -> None:
    tuned.save(tmp_path / "first")
    shutil.move(tmp_path / "first", tmp_path / "somewhere else")
    reloaded = LanguageRegressor.load(tmp_path / "somewhere else")
    np.testing.assert_allclose(reloaded.predict(new_rows[0]), tuned.predict(new_rows[0]), atol=1e-6)
    np.testing.assert_allclose(reloaded.embed(new_rows[0]), tuned.embed(new_rows[0]), atol=1e-6)
    assert reloaded.config == tuned.config
    assert reloaded.history_ == tuned.history_
    assert reloaded.n_trained_parameters_ == tuned.n_trained_parameters_

    reloaded.save(tmp_path / "somewhere else")
    again = LanguageRegressor.load(tmp_path / "somewhere else")
    assert np.array_equal(again.predict(new_rows[0]), reloaded.predict(new_rows[0]))


def test_a_loaded_model_needs_no_backbone(
    tiny_backbone: Path, tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path
) -> None:
    backbone = Path(shutil.copytree(tiny_backbone, tmp_path / "backbone"))
    model = LanguageRegressor(tiny_config(backbone=str(backbone), epochs=1)).fit(*rows)
    model.save(tmp_path / "model")
    expected = model.predict(rows[0])
    shutil.rmtree(backbone)
    assert np.array_equal(LanguageRegressor.load(tmp_path / "model").predict(rows[0]), expected)


def test_the_saved_folder_holds_only_json_and_safetensors(tuned: LanguageRegressor, tmp_path: Path) -> None:
    tuned.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json", "head.safetensors", "language.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert json.loads((tmp_path / "language.json").read_text())["versions"]["torch"] == str(torch.__version__)


def spoil_nothing_left(path: Path) -> None:
    path.unlink()


def spoil_half_left(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("spoil", [spoil_nothing_left, spoil_half_left])
@pytest.mark.parametrize(
    "name", ["config.json", "head.safetensors", "language.json", "model.safetensors", "tokenizer.json"]
)
def test_an_incomplete_folder_is_refused(
    tuned: LanguageRegressor, tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    tuned.save(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(BundleError, match=str(tmp_path)):
        LanguageRegressor.load(tmp_path)


def test_a_head_of_another_model_is_refused(tuned: LanguageRegressor, tmp_path: Path) -> None:
    tuned.save(tmp_path)
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "head.safetensors")
    with pytest.raises(BundleError, match="incomplete or broken"):
        LanguageRegressor.load(tmp_path)


def test_a_hostile_saved_folder_is_refused(tuned: LanguageRegressor, tmp_path: Path) -> None:
    tuned.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(BundleError, match="runs no foreign code"):
        LanguageRegressor.load(tmp_path)


@pytest.mark.parametrize("version", [2, "1", None])
def test_a_later_schema_version_is_refused(tuned: LanguageRegressor, tmp_path: Path, version: object) -> None:
    tuned.save(tmp_path)
    path = tmp_path / "language.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": version}))
    with pytest.raises(BundleVersionError, match="upgrade pricelm"):
        LanguageRegressor.load(tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tuned: LanguageRegressor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BundleError, match="could not be written"):
        tuned.save(tmp_path / "file" / "model")


@pytest.mark.parametrize(
    ("texts", "targets", "message"),
    [
        (["red", "blue", "cup"], [1.0, np.nan, np.inf], "2 of 3 training targets are NaN.*position 1"),
        (["red", "blue"], [1.0], "one target for each of 2"),
        (["red", "blue"], ["one", "two"], "numbers"),
        (["red", None], [1.0, 2.0], r"texts\[1\].*None"),
        ("red", [1.0], "put it into a list"),
        ([], [], "at least one"),
        (["red", "blue"], [2.0, 2.0], "all 2 targets equal 2"),
    ],
)
def test_unusable_rows_are_refused(tiny_config: MakeConfig, texts: Any, targets: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        LanguageRegressor(tiny_config()).fit(texts, targets)


def test_unusable_validation_is_refused(tiny_config: MakeConfig, rows: RowsOf) -> None:
    with pytest.raises(DataError, match="validation targets"):
        LanguageRegressor(tiny_config()).fit(*rows, validation=(["red"], [np.nan]))
    with pytest.raises(DataError, match=r"\(texts, targets\) like"):
        LanguageRegressor(tiny_config()).fit(*rows, validation=(["red"], [1.0], [[1.0]]))


def test_texts_longer_than_the_backbone_reads_are_a_wrong_option(
    tiny_config: MakeConfig, rows: RowsOf
) -> None:
    with pytest.raises(ConfigError, match="max_length 67 is more than the 66 tokens"):
        LanguageRegressor(tiny_config(max_length=67)).fit(*rows)


def test_predicting_before_fitting_is_said() -> None:
    with pytest.raises(ConfigError, match="not fitted"):
        LanguageRegressor().predict(["red"])


def test_facts_are_learned_and_may_be_missing(tiny_config: MakeConfig, rows: RowsOf, tmp_path: Path) -> None:
    texts = rows[0]
    random = np.random.default_rng(0)
    weight = random.normal(100, 30, len(texts))
    facts = np.column_stack(
        [np.where(random.random(len(texts)) < 0.1, np.nan, weight), random.normal(size=len(texts))]
    )
    targets = weight / 30
    config = tiny_config(epochs=12)
    with_facts = LanguageRegressor(config).fit(
        texts, targets, facts=facts, validation=(texts, targets, facts)
    )
    known = ~np.isnan(facts[:, 0])
    assert rmse(with_facts.predict(texts, facts=facts)[known], targets[known]) < 0.4 * targets.std()
    assert rmse(LanguageRegressor(config).fit(texts, targets).predict(texts), targets) > 0.5 * targets.std()

    with_facts.save(tmp_path)
    reloaded = LanguageRegressor.load(tmp_path).predict(texts, facts=facts)
    np.testing.assert_allclose(reloaded, with_facts.predict(texts, facts=facts), atol=1e-6)
    assert np.isfinite(with_facts.predict(texts, facts=np.full_like(facts, np.nan))).all()
    with pytest.raises(DataError, match="trained with 2 facts"):
        with_facts.predict(texts)
    with pytest.raises(DataError, match=r"expected facts of shape \(96, 2\)"):
        with_facts.predict(texts, facts=facts[:, :1])


def test_facts_for_a_model_without_are_refused(tuned: LanguageRegressor) -> None:
    with pytest.raises(DataError, match="left out"):
        tuned.predict(["red"], facts=np.ones((1, 1)))


def test_the_untuned_backbone_gives_a_baseline(
    tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf, tuned: LanguageRegressor
) -> None:
    before = rmse(frozen_baseline(*rows, new_rows[0], tiny_config()), new_rows[1])
    assert rmse(tuned.predict(new_rows[0]), new_rows[1]) < before < rmse(rows[1].mean(), new_rows[1])
    assert frozen_baseline(*rows, [], tiny_config()).shape == (0,)
    with pytest.raises(DataError, match="NaN"):
        frozen_baseline(["red"], np.array([np.nan]), ["blue"], tiny_config())


@pytest.mark.slow
def test_the_real_backbone_learns_with_a_frozen_and_with_a_tuned_encoder() -> None:
    random = np.random.default_rng(0)
    worth = {"leather sofa": 6.0, "gold ring": 7.0, "coffee mug": 2.0, "phone case": 2.5, "laptop": 6.5}
    things = random.choice(list(worth), 260)
    texts = [
        f"{random.choice(['used', 'brand new', 'nice'])} {thing}, item {number}"
        for number, thing in enumerate(things)
    ]
    targets = np.array([worth[thing] for thing in things]) + random.normal(0, 0.1, len(things))
    spread = targets[200:].std()
    for options in (
        {"method": "frozen", "epochs": 40, "head_learning_rate": 2e-2},
        {"method": "full", "epochs": 3},
    ):
        model = LanguageRegressor(TuningConfig(max_length=24, **options)).fit(texts[:200], targets[:200])
        assert rmse(model.predict(texts[200:]), targets[200:]) < 0.35 * spread, options
