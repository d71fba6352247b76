"""The simulator against closed forms: demand, forces, the best fixed price, and regret."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic import (
    MARKETS,
    POLICIES,
    Guard,
    GuardConfig,
    MarketConfig,
    RehearsalConfig,
    Scene,
    example_shop,
    regret_matrix,
    rehearse,
)
from pricelm.decisions.dynamic.forces import Loyalty, Rival, Stock, Waiting
from pricelm.decisions.dynamic.market import Market, draw_market, market_kind
from pricelm.decisions.dynamic.regret import best_fixed, every_price
from pricelm.decisions.dynamic.responses import logit_demand
from pricelm.knowledge.rule_files import RuleBook

SHOP = example_shop()


def market_of(name: str, copies: int = 4, days: int = 60) -> tuple[Market, Scene]:
    scene = Scene.of(SHOP, copies)
    return Market(
        market_kind(name), scene, draw_market(market_kind(name), scene, MarketConfig(days), 1)
    ), scene


def test_units_are_poisson_of_the_stated_demand() -> None:
    scene = Scene.of(SHOP, 4000)
    config = MarketConfig(7, noise=0.0, elasticity_spread=0.0)
    market = Market(
        market_kind("stationary"), scene, draw_market(market_kind("stationary"), scene, config, 0)
    )
    prices = np.full(4000, 8.0)
    mean = market.expected_units(prices)
    assert mean[0] == pytest.approx(30 * 0.8**-2.5)
    assert mean[1] == pytest.approx(30 * float(logit_demand(np.array(0.8), -2.5, 0.3)))
    units, _ = market.sell(prices)
    for at in (0, 1):
        assert units[at::2].mean() == pytest.approx(mean[at], abs=4 * np.sqrt(mean[at] / 2000))
        assert units[at::2].var() == pytest.approx(mean[at], rel=0.15)
    wanted = stats.poisson.ppf(market._draw.chance[0], mean)
    assert np.array_equal(units, wanted)


def test_logit_demand_has_the_elasticity_it_is_asked_for() -> None:
    step = 1e-6
    up = np.log(logit_demand(np.array(1 + step), -2.5, 0.3)) / step
    assert up == pytest.approx(-2.5, rel=1e-4)


def test_forces_do_what_they_say() -> None:
    waiting, cheap, dear = Waiting(1), np.array([0.9]), np.array([1.0])
    waiting.settle(cheap, cheap)
    assert waiting.factor(dear)[0] < 1
    waiting.settle(dear, dear)
    assert waiting.factor(cheap)[0] > 1
    loyal = Loyalty(1)
    loyal.settle(np.array([1.3]), cheap)
    assert loyal.factor(dear)[0] < 1
    rival = Rival(np.zeros((30, 1)))
    for _ in range(30):
        rival.settle(cheap, cheap)
    assert rival.relative[0] == pytest.approx(0.9, abs=0.01) and rival.factor(dear)[0] < 1
    stock = Stock(np.array([10.0]))
    assert stock.sell(np.array([8.0]))[0] == 8 and stock.sell(np.array([8.0]))[0] == 2
    assert stock.room[0] == 0


def test_weather_is_the_same_for_all_policies_and_seeds_differ() -> None:
    scene = Scene.of(SHOP, 3)
    draws = [draw_market(market_kind("all"), scene, MarketConfig(30), seed) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0].weather.level, draws[1].weather.level)
    assert not np.array_equal(draws[0].noise, draws[2].noise)
    wide = draws[0].repeated(2)
    assert np.array_equal(wide.chance[:, :3], wide.chance[:, 3:])


def test_the_best_fixed_price_is_that_of_an_exhaustive_search() -> None:
    """Every price of the menu through a market of its own, sold day by day, against the wide run."""
    config = RehearsalConfig(3, MarketConfig(40), 4)
    for name in ("stationary", "stock", "loyal"):
        wide = rehearse(Guard(SHOP, RuleBook(), GuardConfig(1)), market_kind(name), [every_price], config)[0]
        scene = Scene.of(SHOP, 3, 4)
        earned = []
        for column in range(SHOP.prices.shape[1]):
            draw = draw_market(market_kind(name), scene, config.market, 4)
            market = Market(market_kind(name), scene, draw)
            prices = scene.prices[:, column]
            sold = sum(market.sell(prices)[0] for _ in range(40))
            earned.append((prices - scene.costs) * sold)
        assert np.allclose(best_fixed(wide, SHOP.prices.shape[1]), np.max(earned, axis=0))


def test_the_bars_hold_on_a_small_matrix() -> None:
    config = RehearsalConfig(10, MarketConfig(365), 3)
    matrix = regret_matrix(Guard(SHOP, RuleBook()), ["hold", "thompson"], ["stationary", "drift"], config)
    assert matrix.cell("thompson", "stationary").regret < 0.05
    assert matrix.cell("thompson", "drift").regret < 0
    assert matrix.cell("hold", "drift").regret > 0.05
    assert matrix.cell("hold", "stationary").moves_a_week == 0


def test_a_matrix_is_the_same_again_and_alone_as_beside_others() -> None:
    config = RehearsalConfig(3, MarketConfig(20), 5)
    guard = Guard(SHOP, RuleBook())
    whole = regret_matrix(guard, list(POLICIES), ["all"], config)
    alone = regret_matrix(guard, ["thompson"], ["all"], config)
    assert whole.cell("thompson", "all") == alone.cell("thompson", "all")
    assert regret_matrix(guard, list(POLICIES), ["all"], config) == whole


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_every_market_can_be_lived_through(name: str) -> None:
    market, scene = market_of(name)
    for _ in range(60):
        units, _ = market.sell(scene.prices[:, 0])
        assert np.isfinite(units).all() and (units >= 0).all()


def test_wrong_markets_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'drift'"):
        market_kind("drif")
    for wrong in ({"days": 3}, {"noise": -1.0}, {"elasticity_spread": -1.0}):
        with pytest.raises(ConfigError, match="expected 7 to"):
            replace(MarketConfig(), **wrong)
