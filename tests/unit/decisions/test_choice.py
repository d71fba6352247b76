"""Brand choice: the likelihood against brute force, loyalty that matters, and elasticities by formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand.choice import ChoiceModel, ChoicePanel


def drawn(n_households: int = 120, n_buys: int = 12, habit: float = 1.5, seed: int = 0) -> ChoicePanel:
    """Return purchases among three brands: cheaper is likelier, and so is the brand bought last."""
    rng = np.random.default_rng(seed)
    n = n_households * n_buys
    prices = rng.uniform(1, 3, (n, 3))
    chosen = np.empty(n, dtype=int)
    for row in range(n):
        utility = np.array([0.0, 0.5, -0.3]) - 1.5 * prices[row]
        if row % n_buys:
            utility[chosen[row - 1]] += habit
        chances = np.exp(utility)
        chosen[row] = rng.choice(3, p=chances / chances.sum())
    return ChoicePanel(chosen, np.arange(n) // n_buys, prices, np.empty((n, 3, 0)), ("a", "b", "c"))


def test_the_past_of_a_household_helps_where_there_is_habit() -> None:
    seen, unseen = drawn(seed=1), drawn(seed=2)
    losses = [
        ChoiceModel.fit(seen, histories=kind).log_loss(unseen) for kind in ((), ("loyalty",), ("last",))
    ]
    assert losses[0] > losses[1] + 0.05
    assert losses[1] > losses[2]  # what was drawn is a habit of the last purchase
    assert ChoiceModel.fit(seen).log_loss(unseen) < losses[1]


def test_the_price_weight_is_recovered_and_elasticities_follow_from_it() -> None:
    panel = drawn(n_households=2000, n_buys=1, habit=0.0)
    model = ChoiceModel.fit(panel, histories=(), penalty=0.0)
    weight = model.weights[2] / model.price_scale
    assert weight == pytest.approx(-1.5, abs=0.2)
    chances = model.probabilities(panel)
    assert chances.sum(axis=1) == pytest.approx(1)
    own = weight * np.mean(chances[:, 0] * (1 - chances[:, 0]) * panel.prices[:, 0]) / chances[:, 0].mean()
    cross = -weight * np.mean(chances[:, 0] * chances[:, 1] * panel.prices[:, 1]) / chances[:, 0].mean()
    found = model.elasticities(panel, step=1e-4)
    assert found[0, 0] == pytest.approx(own, rel=0.01)
    assert found[0, 1] == pytest.approx(cross, rel=0.01)


def test_a_choice_does_not_know_itself() -> None:
    panel = drawn(n_households=30)
    model = ChoiceModel.fit(panel)
    others = panel.chosen.copy()
    last = np.flatnonzero(np.diff(panel.household, append=-1) != 0)
    others[last] = (others[last] + 1) % 3
    changed = ChoicePanel(others, panel.household, panel.prices, panel.promotions, panel.brands)
    assert model.probabilities(changed) == pytest.approx(model.probabilities(panel))


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    panel = drawn(n_households=20)
    model = ChoiceModel.fit(panel)
    model.save(tmp_path / "choice.json")
    loaded = ChoiceModel.load(tmp_path / "choice.json")
    assert loaded == model
    assert loaded.log_loss(panel) == model.log_loss(panel)
    (tmp_path / "choice.json").write_text("[]")
    with pytest.raises(DataError, match="choice model"):
        ChoiceModel.load(tmp_path / "choice.json")


def test_impossible_panels_and_options_are_refused() -> None:
    panel = drawn(n_households=3)
    with pytest.raises(DataError, match="prices"):
        ChoicePanel(panel.chosen, panel.household, -panel.prices, panel.promotions, panel.brands)
    with pytest.raises(DataError, match="shape"):
        ChoicePanel(panel.chosen, panel.household, panel.prices[:, :2], panel.promotions, panel.brands)
    with pytest.raises(DataError, match="numbered"):
        ChoicePanel(panel.chosen + 3, panel.household, panel.prices, panel.promotions, panel.brands)
    with pytest.raises(ConfigError, match="histories"):
        ChoiceModel.fit(panel, histories=("mood",))
