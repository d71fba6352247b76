"""Heads: one suite over everything registered, then what is special to each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.heads import HEADS, head_class, head_from_dict
from pricelm.language.heads.bands import BandsHead, BandsOptions
from pricelm.language.heads.head import Head, Scale
from pricelm.language.heads.ordinal import OrdinalHead
from pricelm.language.heads.price_bands import BandOptions, PriceBands
from pricelm.language.heads.quantile import QuantileHead, QuantileOptions
from pricelm.language.heads.regression import LOSSES
from pricelm.language.regressor import LanguageRegressor

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]

TARGETS = np.random.default_rng(5).normal(size=400)
EVERY_HEAD = sorted(HEADS)
WITH_BANDS = ["bands", "both", "ordinal"]


def fitted(name: str, **options: Any) -> Head:
    kind = head_class(name)
    return kind.fit(kind.options_class.from_mapping(options, name), TARGETS, Scale(0.0, 1.0))


def outputs_of(head: Head, n: int = 50, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, head.n_outputs, generator=torch.Generator().manual_seed(seed))


def best_outputs(head: Head, targets: torch.Tensor) -> torch.Tensor:
    """Return outputs that gradient descent finds for each text on its own."""
    outputs = torch.zeros(len(targets), head.n_outputs, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    for _ in range(600):
        optimizer.zero_grad()
        head.loss(outputs, targets).sum().backward()
        optimizer.step()
    return outputs.detach()


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_outputs_that_cost_least_decode_to_the_target(name: str) -> None:
    head = fitted(name)
    targets = torch.tensor([-1.0, -0.2, 0.0, 0.7, 1.1])
    found = head.decode(best_outputs(head, targets))
    width = 0.0 if head.edges is None else float(np.diff(head.edges)[1:-1].max())
    np.testing.assert_allclose(found, targets, atol=0.02 + width)


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_a_loss_is_one_finite_number_a_text_with_a_gradient(name: str) -> None:
    head = fitted(name)
    outputs = outputs_of(head).requires_grad_()
    targets = torch.cat([torch.tensor([-50.0, 50.0]), torch.randn(48)])
    losses = head.loss(outputs, targets)
    assert losses.shape == (50,)
    assert torch.isfinite(losses).all()
    losses.sum().backward()
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()
    assert (outputs.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_the_loss_of_a_text_does_not_depend_on_its_neighbours(name: str) -> None:
    head = fitted(name)
    outputs, targets = outputs_of(head), torch.randn(50)
    alone = torch.cat([head.loss(outputs[row : row + 1], targets[row : row + 1]) for row in range(50)])
    torch.testing.assert_close(head.loss(outputs, targets), alone)


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_a_head_survives_json(name: str) -> None:
    head = fitted(name)
    again = head_from_dict(json.loads(json.dumps(head.to_dict())))
    assert type(again) is type(head)
    assert torch.equal(again.decode(outputs_of(head)), head.decode(outputs_of(head)))
    assert torch.equal(
        again.loss(outputs_of(head), torch.ones(50)), head.loss(outputs_of(head), torch.ones(50))
    )


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_a_network_learns_is_saved_and_read_back(
    name: str, tiny_config: MakeConfig, rows: RowsOf, new_rows: RowsOf, tmp_path: Path
) -> None:
    config = tiny_config(head=name, epochs=15, learning_rate=1e-2, dropout=0.0)
    model = LanguageRegressor(config).fit(*rows, validation=new_rows)
    predicted = model.predict(new_rows[0])
    misses = np.sqrt(np.mean((predicted - new_rows[1]) ** 2))
    assert misses < 0.6 * new_rows[1].std()
    assert model.history_[-1]["validation_rmse"] == pytest.approx(misses, rel=1e-4)
    model.save(tmp_path / "saved")
    np.testing.assert_allclose(
        LanguageRegressor.load(tmp_path / "saved").predict(new_rows[0]), predicted, atol=1e-6
    )


@pytest.mark.parametrize("name", EVERY_HEAD)
def test_the_unit_of_the_targets_does_not_matter(name: str, tiny_config: MakeConfig, rows: RowsOf) -> None:
    texts, targets = rows
    plain = LanguageRegressor(tiny_config(head=name, epochs=1)).fit(texts, targets).predict(texts)
    scaled = LanguageRegressor(tiny_config(head=name, epochs=1)).fit(texts, targets * 100 + 7).predict(texts)
    np.testing.assert_allclose(scaled, plain * 100 + 7, rtol=1e-3)


@pytest.mark.parametrize("name", EVERY_HEAD)
@pytest.mark.parametrize("what", ["probabilities", "quantiles"])
def test_what_a_head_cannot_say_is_refused_and_what_it_can_is_said(name: str, what: str) -> None:
    head = fitted(name)
    can = head.edges is not None if what == "probabilities" else head.levels is not None
    if can:
        assert len(getattr(head, what)(outputs_of(head))) == 50
    else:
        with pytest.raises(ConfigError, match="tune with head"):
            getattr(head, what)(outputs_of(head))


@pytest.mark.parametrize("name", WITH_BANDS)
@pytest.mark.parametrize("decoding", ["median", "expectation"])
def test_bands_have_probabilities_and_decode_inside_the_line(name: str, decoding: str) -> None:
    head = fitted(name, decoding=decoding, n_bands=12)
    outputs = 5 * outputs_of(head, 200)
    probabilities = head.probabilities(outputs)
    assert probabilities.shape == (200, 12)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(200))
    if name != "both":  # its prediction is the regression
        decoded = head.decode(outputs)
        assert head.edges is not None
        assert head.edges[0] <= decoded.min() and decoded.max() <= head.edges[-1]


def test_the_double_head_mixes_the_bands_number_in_when_asked() -> None:
    alone, mixed = fitted("both"), fitted("both", band_share=0.25)
    outputs = outputs_of(alone)
    bands = alone.bands.decode(alone.probabilities(outputs), "median")  # type: ignore[attr-defined]
    torch.testing.assert_close(alone.decode(outputs), outputs[:, 0])
    torch.testing.assert_close(mixed.decode(outputs), 0.75 * outputs[:, 0] + 0.25 * bands)


def test_the_median_of_bands_is_where_half_of_the_probability_lies() -> None:
    bands = PriceBands.fit(BandOptions(n_bands=9), TARGETS, Scale(0.0, 1.0))
    probabilities = torch.rand(100, 9, generator=torch.Generator().manual_seed(1)).double()
    probabilities /= probabilities.sum(dim=1, keepdim=True)
    expected = [
        np.interp(0.5, np.concatenate([[0], np.cumsum(row)]), bands.edges) for row in probabilities.numpy()
    ]
    np.testing.assert_allclose(bands.decode(probabilities, "median"), expected, atol=1e-9)


def test_quantile_bands_hold_equally_many_targets_and_know_their_means() -> None:
    bands = PriceBands.fit(BandOptions(n_bands=8), TARGETS, Scale(0.0, 1.0))
    band = bands.index(torch.from_numpy(TARGETS)).numpy()
    assert np.bincount(band).tolist() == [50] * 8
    np.testing.assert_allclose(bands.centers, [TARGETS[band == number].mean() for number in range(8)])


def test_edges_of_the_shop_are_in_the_targets_unit() -> None:
    head = BandsHead.fit(BandsOptions(edges=(10.0, 30.0)), np.array([-1.0, 0.0, 1.0]), Scale(20.0, 10.0))
    assert head.bands.edges[1:-1].tolist() == [-1.0, 1.0]
    assert head.bands.index(torch.tensor([-1.01, -1.0, 0.99, 1.0, 9.0])).tolist() == [0, 1, 1, 2, 2]
    assert head.bands.edges[0] < -1.0 < 1.0 < head.bands.edges[-1]


def test_bands_that_nothing_fell_into_stand_for_their_middle() -> None:
    bands = PriceBands.fit(BandOptions(edges=(5.0, 6.0)), np.array([0.0, 1.0]), Scale(0.0, 1.0))
    assert bands.centers[1] == 5.5


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.integers(2, 12))
@settings(max_examples=100, deadline=None)
def test_bands_of_any_targets_rise_and_cover_them(values: list[int], n_bands: int) -> None:
    targets = np.array(values, dtype=float)
    if targets.min() == targets.max():
        with pytest.raises(ConfigError, match="too alike"):
            PriceBands.fit(BandOptions(n_bands=n_bands), targets, Scale(0.0, 1.0))
        return
    bands = PriceBands.fit(BandOptions(n_bands=n_bands), targets, Scale(0.0, 1.0))
    assert (np.diff(bands.edges) > 0).all()
    assert bands.edges[0] <= targets.min() and targets.max() <= bands.edges[-1]
    assert 2 <= bands.n_bands <= n_bands
    assert (np.bincount(bands.index(torch.from_numpy(targets)), minlength=bands.n_bands) > 0).all()


def test_soft_bands_become_hard_ones_as_the_curve_narrows() -> None:
    hard, soft, softer = (fitted("bands", softness=value) for value in (0.0, 1e-4, 0.5))
    outputs = outputs_of(hard)
    # away from the ends of bands, where the two must differ
    targets = torch.tensor(
        np.random.default_rng(0).choice((hard.edges[1:] + hard.edges[:-1]) / 2, 50)
    ).float()
    torch.testing.assert_close(soft.loss(outputs, targets), hard.loss(outputs, targets), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(softer.loss(outputs, targets), hard.loss(outputs, targets), atol=0.1)
    uniform = torch.zeros(50, hard.n_outputs)
    torch.testing.assert_close(
        softer.loss(uniform, targets), torch.full((50,), float(np.log(hard.n_outputs)))
    )


@given(st.lists(st.floats(-50, 50, width=32), min_size=5, max_size=5))
@settings(max_examples=200, deadline=None)
def test_quantiles_never_cross(outputs: list[float]) -> None:
    head = QuantileHead.fit(QuantileOptions(), TARGETS, Scale(0.0, 1.0))
    quantiles = head.quantiles(torch.tensor([outputs], dtype=torch.float64))[0]
    assert (quantiles.diff() >= 0).all()
    assert head.decode(torch.tensor([outputs], dtype=torch.float64))[0] == quantiles[2]


def test_the_pinball_loss_is_that_of_another_library() -> None:
    head = QuantileHead.fit(QuantileOptions((0.1, 0.5, 0.8)), TARGETS, Scale(0.0, 1.0))
    outputs, targets = outputs_of(head), torch.randn(50)
    quantiles = head.quantiles(outputs)
    expected = np.mean(
        [mean_pinball_loss(targets, quantiles[:, k], alpha=a) for k, a in enumerate(head.levels)]
    )
    assert float(head.loss(outputs, targets).mean()) == pytest.approx(expected, rel=1e-5)


def test_quantiles_of_texts_that_say_nothing_are_those_of_the_targets(tiny_config: MakeConfig) -> None:
    targets = np.random.default_rng(2).exponential(size=300)
    config = tiny_config(head="quantile", method="frozen", epochs=30, head_learning_rate=0.05, dropout=0.0)
    model = LanguageRegressor(config).fit(["a chair"] * 300, targets)
    found = model.predict_quantiles(["a chair"])[0]
    np.testing.assert_allclose(found, np.quantile(targets, model.levels_), atol=0.12)


def test_an_ordinal_head_repairs_answers_that_contradict_each_other() -> None:
    head = OrdinalHead.fit(BandOptions(n_bands=3), TARGETS, Scale(0.0, 1.0))
    probabilities = head.probabilities(torch.tensor([[0.0, -2.0 - head.starts[0], 5.0 - head.starts[1]]]))
    high, low = torch.tensor([5.0, -2.0]).sigmoid()
    torch.testing.assert_close(probabilities[0], torch.stack([1 - high, high - low, low]))


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_regression_loss_is_zero_at_the_target_even_and_rising(loss: str) -> None:
    misses = torch.linspace(0.0, 30.0, 61)
    found = LOSSES[loss](misses, torch.zeros(61))
    assert found[0] == pytest.approx(0.0, abs=1e-6)
    assert (found.diff() > 0).all()
    torch.testing.assert_close(found, LOSSES[loss](-misses, torch.zeros(61)))


def test_log_cosh_is_what_its_name_says() -> None:
    misses = torch.linspace(-5.0, 5.0, 41, dtype=torch.float64)
    expected = torch.log(torch.cosh(misses))
    torch.testing.assert_close(LOSSES["log_cosh"](misses, torch.zeros(41, dtype=torch.float64)), expected)


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("regression", {"loss": "l2"}),
        ("bands", {"n_bands": 1}),
        ("bands", {"n_bands": 2.5}),
        ("bands", {"edges": []}),
        ("bands", {"edges": [2.0, 1.0]}),
        ("bands", {"edges": [1.0, float("inf")]}),
        ("bands", {"softness": -1}),
        ("bands", {"decoding": "mode"}),
        ("ordinal", {"softness": 0.1}),
        ("both", {"band_weight": 0}),
        ("both", {"band_share": 2}),
        ("both", {"loss": "l2"}),
        ("quantile", {"levels": [0.1, 0.9]}),
        ("quantile", {"levels": [0.9, 0.5]}),
        ("quantile", {"levels": [0.0, 0.5]}),
        ("quantile", {"n_bands": 4}),
    ],
)
def test_wrong_options_are_refused_by_name(head: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        TuningConfig(head=head, head_options=options)
