"""The solver against trying every choice, and what it says when there is none."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError
from pricelm.decisions.optimization import parts
from pricelm.decisions.optimization import solve as solving
from pricelm.decisions.optimization.explain import explain_infeasible
from pricelm.decisions.optimization.problem import PricingProblem
from pricelm.decisions.optimization.solve import SolverConfig, solve
from pricelm.decisions.optimization.stream import solve_blocks
from tests.unit.decisions.brute_force import best_by_trying, random_problem

EXACT = SolverConfig(tolerance=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_every_small_problem_is_solved_as_by_trying_every_choice(seed: int) -> None:
    problem = random_problem(seed)
    best, found = best_by_trying(problem), solve(problem, EXACT)
    if np.isinf(best):
        assert found.status == "infeasible"
    else:
        assert found.status == "optimal"
        assert found.value == pytest.approx(best, abs=1e-6)
        assert problem.score(found.choice) == pytest.approx(found.value)


@pytest.mark.parametrize("seed", range(1000, 1025))
def test_large_groups_are_exact_with_links_and_bounded_with_cross_effects(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_CONFIGURATIONS", 0)
    problem = random_problem(seed)
    best, found = best_by_trying(problem), solve(problem, EXACT)
    if found.status == "infeasible":
        assert np.isinf(best) or problem.groups
        return
    assert found.value <= best + 1e-6 <= found.bound + 2e-6
    if not problem.groups:
        assert found.value == pytest.approx(best, abs=1e-6)


def test_links_are_exact_when_left_to_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_CONFIGURATIONS", 0)
    tied = 0
    for seed in range(80):
        problem = random_problem(seed, groups=False)
        if problem.links:
            best, found = best_by_trying(problem), solve(problem, EXACT)
            assert np.isinf(best) if found.status == "infeasible" else abs(found.value - best) < 1e-6
            tied += np.isfinite(best)
    assert tied > 20


def relaxed(problem: PricingProblem, ids: tuple[str, ...]) -> PricingProblem:
    """Return the problem with some rules taken out."""
    allowed = problem.allowed.copy()
    if "own" in ids:
        allowed[:] = True
    keep = [k for k, name in enumerate(problem.portfolio_ids) if name not in ids]
    return replace(
        problem,
        allowed=allowed,
        usage=problem.usage[keep],
        limits=problem.limits[keep],
        caps=problem.caps[keep],
        portfolio_ids=[problem.portfolio_ids[k] for k in keep],
        links=[link for link in problem.links if link.rule_id not in ids],
        broken={name: mask for name, mask in problem.broken.items() if name not in ids},
    )


def test_the_rules_to_relax_are_the_fewest_that_help() -> None:
    explained = 0
    for seed in range(200):
        problem = random_problem(seed, groups=False)
        if np.isfinite(best_by_trying(problem)):
            continue
        relax, reason = explain_infeasible(problem)
        names = [*problem.portfolio_ids, *{link.rule_id for link in problem.links}, "own"]
        assert relax and all(repr(name) in reason for name in relax)
        assert np.isfinite(best_by_trying(relaxed(problem, relax)))
        for fewer in combinations(names, len(relax) - 1):
            assert np.isinf(best_by_trying(relaxed(problem, fewer)))
        explained += 1
    assert explained > 30


def shop(n: int, seed: int = 0, m: int = 7) -> PricingProblem:
    """Return a larger assortment with a budget and a floor for units."""
    rng = np.random.default_rng(seed)
    price = rng.uniform(2, 20, n)
    prices = price[:, None] * np.linspace(0.85, 1.15, m)
    units = rng.uniform(5, 50, n)[:, None] * np.linspace(1, -1, m) * 0.4 + 50
    cost = price * rng.uniform(0.4, 0.8, n)
    usage = np.stack([np.maximum(price[:, None] - prices, 0) * units, 50 - units])
    limits = np.array([0.01 * usage[0].max(axis=1).sum(), 0.0])
    return PricingProblem.of(
        prices, (prices - cost[:, None]) * units, usage=usage, limits=limits, caps=np.full(2, np.inf)
    )


def test_the_bound_of_a_large_problem_holds_and_is_tight() -> None:
    problem = shop(3000)
    found = solve(problem)
    assert found.status == "optimal" and found.gap <= 1e-4
    assert problem.score(found.choice) == pytest.approx(found.value)
    # any feasible choice is below the bound: the one that keeps all current prices is
    assert problem.score(np.full(3000, 3)) <= found.bound


def test_a_shadow_price_is_what_one_more_unit_of_the_limit_earns() -> None:
    problem = shop(3000)
    found = solve(problem)
    more = np.array([0.1 * problem.limits[0], 0.0])
    richer = solve(replace(problem, limits=problem.limits + more))
    assert richer.bound - found.bound == pytest.approx(found.multipliers[0] * more[0], rel=0.1)


def test_limits_that_no_mixture_keeps_are_named() -> None:
    problem = shop(8000)
    limits = np.array([problem.limits[0], -1e9])
    impossible = replace(problem, limits=limits, portfolio_ids=["budget", "units"])
    found = solve(impossible)
    assert found.status == "infeasible" and found.relax == ("units",) and "'units'" in found.reason


def test_blocks_give_what_the_whole_gives() -> None:
    whole = shop(1200)
    rows = np.array_split(np.arange(1200), 4)
    chosen: dict[int, np.ndarray] = {}

    def blocks() -> list[PricingProblem]:
        return [
            replace(
                whole,
                prices=whole.prices[part],
                value=whole.value[part],
                allowed=whole.allowed[part],
                usage=whole.usage[:, part],
            )
            for part in rows
        ]

    outcome = solve_blocks(blocks, lambda number, choice: chosen.__setitem__(number, choice))
    choice = np.concatenate([chosen[number] for number in range(4)])
    assert outcome.products == 1200
    assert whole.score(choice) == pytest.approx(outcome.value)
    assert outcome.bound >= solve(whole).value - 1e-6 and outcome.gap < 1e-3


def test_blocks_that_cannot_keep_the_limits_are_infeasible() -> None:
    problem = replace(shop(300), limits=np.array([0.0, -1e9]))
    outcome = solve_blocks(lambda: [problem], lambda *_: pytest.fail("nothing may be given out"))
    assert outcome.status == "infeasible"


def test_the_repair_is_only_a_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = shop(60)
    expected = solve(problem, EXACT).value
    monkeypatch.setattr(solving, "mix_and_settle", lambda *_: None)
    assert solve(problem, EXACT).value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prices": np.ones((2, 1)), "value": np.ones((2, 1))}, "one price only"),
        ({"value": np.full((2, 3), np.nan)}, "NaN"),
        ({"value": np.ones((3, 3))}, "expected values"),
    ],
)
def test_what_cannot_be_a_problem_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    arrays = {"prices": np.ones((2, 3)), "value": np.ones((2, 3))} | change
    with pytest.raises(ConfigError, match=message):
        PricingProblem.of(**arrays)
