"""Matching, price index, equilibria, price wars and collusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.competition import (
    BlockingConfig,
    CollusionConfig,
    IndexConfig,
    LearnerConfig,
    LogitMarket,
    Offers,
    PairReader,
    RadarConfig,
    RuleOfThumb,
    bertrand,
    best_response,
    block,
    judge_probes,
    learn_scorer,
    learn_sessions,
    price_index,
    resting_market,
    resting_price,
    stackelberg,
    symmetric_market,
    watch_collusion,
    watch_price_war,
)
from pricelm.decisions.competition.scorers import best_threshold

NOW = pd.Timestamp("2024-03-31")
KINDS = ("kettle", "toaster", "radio", "lamp", "router", "camera", "printer", "speaker")


def offers(titles: list[str], models: list[str] | None = None) -> Offers:
    nothing = ("",) * len(titles)
    return Offers(tuple(map(str, range(len(titles)))), tuple(titles), nothing, tuple(models or nothing))


def catalogs(n: int = 60, seed: int = 0) -> tuple[Offers, Offers]:
    """Return the same products as two shops write them: row i is row i."""
    rng = np.random.default_rng(seed)
    codes = [f"{rng.choice(list('abcdef'))}x{number}" for number in rng.integers(1000, 9999, n)]
    kinds = rng.choice(KINDS, n)
    own = [
        f"Acme {kind} {code} {rng.choice(['red', 'blue'])}" for kind, code in zip(kinds, codes, strict=True)
    ]
    theirs = [
        f"{kind} by acme, {code[:2]}-{code[2:]}" if rng.random() < 0.8 else f"acme {kind} with cable"
        for kind, code in zip(kinds, codes, strict=True)
    ]
    return offers(own), offers(theirs)


def market(seed: int) -> LogitMarket:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    sellers = np.array(["a", "b", *rng.choice(list("abc"), n - 2)])
    return LogitMarket(rng.normal(1, 1.5, n), rng.uniform(0.5, 2, n), sellers, float(rng.uniform(0.5, 4)))


def test_the_blocker_finds_rare_keys_and_leaves_common_ones() -> None:
    own, theirs = offers(["Acme kettle K-100", "oak chair"]), offers(["kettle k100", "steel desk"])
    found = block(own, theirs)
    assert (found.own.tolist(), found.theirs.tolist()) == ([0], [0])
    many = offers([f"thing {number}" for number in range(30)])
    few = block(many, many, BlockingConfig(candidates=3, longest_list=10))
    assert len(few) == 30 and (few.own == few.theirs).all()
    assert len(block(offers([]), many)) == 0


def test_labels_teach_a_scorer_that_a_cosine_cannot_match() -> None:
    own, theirs = catalogs()
    candidates = block(own, theirs)
    reader = PairReader(own, theirs, candidates)
    features = reader.features(candidates.own, candidates.theirs)
    labels = candidates.own == candidates.theirs
    scorer = learn_scorer(features, labels, candidates.own)
    assert scorer.f1 > 0.8 and 0 < scorer.threshold < 1
    confidence = scorer.score(features)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert confidence[labels].mean() > 0.6 > 0.2 > confidence[~labels].mean()
    again = learn_scorer(features, labels, candidates.own).score(features)
    np.testing.assert_array_equal(confidence, again)
    thumb = RuleOfThumb().score(features)
    assert thumb[labels].mean() > thumb[~labels].mean() + 0.2
    with pytest.raises(DataError, match="too few labels"):
        learn_scorer(features[:30], labels[:30], candidates.own[:30])


def test_features_say_what_they_are_called_after() -> None:
    own = offers(["acme kettle tew-455 1.7 l", "acme kettle 1 l"], ["TEW 455", ""])
    theirs = offers(["kettle tew455 of 2 l", "acme lamp"])
    reader = PairReader(own, theirs, block(own, theirs), (np.eye(2), np.eye(2)))
    row = reader.features(np.array([0]), np.array([0])).iloc[0]
    assert (row["own_model_found"], row["codes_shared"]) == (1, 1)
    assert row["quantities_contradict"] > 0 and row["quantities_agree"] == 0
    assert row["embedding_cosine"] == 1 and np.isnan(row["same_brand"])
    assert row["word_lead_own"] > 0
    with pytest.raises(DataError, match="a vector for each"):
        PairReader(own, theirs, block(own, theirs), (np.eye(1), np.eye(2)))


def test_offers_have_no_price_and_no_sku_twice() -> None:
    frame = pd.DataFrame({"sku": ["a"], "title": ["mug"], "price": [3.0]})
    assert not [name for name in vars(Offers.of(frame)) if "price" in name]
    with pytest.raises(DataError, match="duplicates"):
        Offers.of(pd.concat([frame, frame]))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_threshold_has_the_best_f1(pairs: list[tuple[float, bool]]) -> None:
    confidence, labels = (np.array(column) for column in zip(*pairs, strict=True))

    def f1(cut: float) -> float:
        called = confidence >= cut
        return 2 * (called & labels).sum() / max(called.sum() + labels.sum(), 1)

    cut = best_threshold(confidence.astype(float), labels.astype(bool))
    assert f1(cut) == pytest.approx(max(f1(value) for value in confidence))


@pytest.mark.parametrize("seed", range(6))
def test_nobody_has_a_better_price_at_the_equilibrium(seed: int) -> None:
    known = market(seed)
    level = bertrand(known)
    for seller in np.unique(known.seller):
        np.testing.assert_allclose(best_response(known, level.prices, str(seller)), level.prices, rtol=1e-10)
        mine = known.seller == seller

        def lost(margin: float, mine: np.ndarray = mine, seller: str = str(seller)) -> float:
            return -known.profits(np.where(mine, known.cost + margin, level.prices))[seller]

        best = minimize_scalar(lost, bounds=(0, 20 / known.price_sensitivity), method="bounded")
        assert (level.prices - known.cost)[mine][0] == pytest.approx(best.x, rel=1e-3)
    for seller in np.unique(known.seller):
        assert stackelberg(known, str(seller)).profits[str(seller)] >= level.profits[str(seller)]
    if len(np.unique(known.seller)) > 1:
        assert sum(bertrand(known.merged()).profits.values()) > sum(level.profits.values())


def test_the_equilibrium_is_the_closed_form_and_the_published_one() -> None:
    everyone = LogitMarket(np.full(3, 400.0), np.ones(3), np.array(list("abc")), 2.0)
    np.testing.assert_allclose(bertrand(everyone).prices, 1 + 3 / 2 / 2, rtol=1e-12)
    paper = symmetric_market()
    assert bertrand(paper).prices[0] == pytest.approx(1.473, abs=5e-4)
    assert bertrand(paper.merged()).prices[0] == pytest.approx(1.925, abs=5e-4)


def test_a_market_is_found_again_from_what_is_seen() -> None:
    known = market(3)
    level = bertrand(known)
    seen = LogitMarket.seen(level.prices, level.shares, known.seller, known.price_sensitivity)
    np.testing.assert_allclose(seen.cost, known.cost, rtol=1e-9)
    np.testing.assert_allclose(seen.quality, known.quality, rtol=1e-8)
    with pytest.raises(DataError, match="sum to below 1"):
        LogitMarket.seen(level.prices, np.full(len(level.prices), 1.0), known.seller, 1.0)
    with pytest.raises(DataError, match="a seller of the market"):
        best_response(known, level.prices, "nobody")


def observed(rows: list[tuple[str, str, float, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["sku", "seller", "price", "age"])
    return frame.assign(observed_at=NOW - pd.to_timedelta(frame["age"], unit="D"))


def test_the_index_weighs_freshness_confidence_and_sales() -> None:
    own = pd.DataFrame(
        {"sku": ["a", "b", "c", "d"], "price": 10.0, "units": [9, 1, 1, 1], "category": list("xxyy")}
    )
    seen = observed(
        [("a", "r", 5, 0), ("a", "s", 20, 7), ("b", "r", 8, 0), ("c", "r", 9, 40), ("d", "r", 7, 0)]
    )
    matches = pd.DataFrame(
        {"own_sku": list("abcd"), "their_sku": list("abcd"), "confidence": [1, 0.9, 1, 0.2]}
    )
    found = price_index(own, seen, matches, NOW, IndexConfig(max_age_days=28, half_life_days=7))
    rows = found.products.set_index("sku")
    assert rows.loc["a", "competitor_price"] == pytest.approx((5 * 20**0.5) ** (1 / 1.5))
    assert rows["competitor_gap"].tolist() == ["", "", "stale prices only", "match not sure enough"]
    log = np.log(rows["price_index"] / 100)
    weights = np.array([90 * 1.0, 10 * 0.9])
    assert found.total == pytest.approx(100 * np.exp((weights * log.iloc[:2]).sum() / weights.sum()))
    assert found.categories["y"] == {"index": None, "compared": 0, "products": 2}
    lowest = price_index(own, seen, matches, NOW, IndexConfig(take="lowest"))
    assert lowest.products["competitor_price"].iloc[0] == 5 and lowest.sellers["s"] == pytest.approx(50)


@pytest.mark.parametrize(
    ("rows", "confidence", "named"),
    [
        ([("z", "r", 5, 0)], 1.0, "no match"),
        ([("a", "r", 5, 99)], 1.0, "stale"),
        ([("a", "r", 5, 0)], 0.1, "sure"),
    ],
)
def test_what_cannot_be_compared_is_named(rows: list, confidence: float, named: str) -> None:
    matches = pd.DataFrame({"own_sku": ["a"], "their_sku": ["a"], "confidence": [confidence]})
    with pytest.raises(DataError, match=named):
        price_index(pd.DataFrame({"sku": ["a"], "price": [1.0]}), observed(rows), matches, NOW)
    with pytest.raises(ConfigError):
        IndexConfig(take="highest")


def spiral(n: int, step: float = 0.01, start: float = 10.0) -> pd.DataFrame:
    prices = start * (1 - step) ** np.arange(n)
    days = NOW - pd.to_timedelta(np.arange(n)[::-1], unit="D")
    return pd.DataFrame(
        {"seller": ["a", "b"] * (n // 2) + ["a"] * (n % 2), "price": prices, "observed_at": days}
    )


def test_the_radar_tells_a_war_from_a_sale_and_from_followers() -> None:
    war = watch_price_war("s", spiral(10), NOW)
    assert (war.status, war.undercuts, war.sellers) == ("price war", 9, ("a", "b"))
    assert (
        war.fall_a_day == pytest.approx((10 - war.last_price) / 8) and war.days_until(war.last_price - 1) > 0
    )
    assert watch_price_war("s", spiral(10), NOW + pd.Timedelta(days=15)).status == "quiet"
    assert watch_price_war("s", spiral(10), NOW + pd.Timedelta(days=15)).past_wars == 1
    assert watch_price_war("s", spiral(10, step=0.3), NOW).status == "quiet"
    assert watch_price_war("s", spiral(4), NOW).status == "tension"
    alone = spiral(10).assign(seller=["b"] + ["a"] * 9)
    assert watch_price_war("s", alone, NOW).status == "quiet"
    peace = pd.concat([spiral(8).assign(observed_at=lambda t: t["observed_at"] - pd.Timedelta(days=2)),
                       pd.DataFrame({"seller": ["a"], "price": [12.0], "observed_at": [NOW]})])  # fmt: skip
    assert watch_price_war("s", peace, NOW).status == "quiet"
    with pytest.raises(ConfigError):
        RadarConfig(undercuts=1)


def test_the_resting_price_is_the_equilibrium_and_worth_more_than_the_war() -> None:
    known = resting_market(np.array([10.0, 10.0]), 5.0, -3.0)
    assert known.own_elasticities(np.array([10.0, 10.0]))[0] == pytest.approx(-3.0)
    rest = resting_price(known, np.array([9.0, 9.0]), fall_a_day=0.1)
    assert 5 < rest.own < 10 and rest.own == pytest.approx(rest.rivals[0]) and rest.joint > rest.own
    assert rest.settled > rest.fought
    assert "go to" in rest.advice(9.0, at_war=True) and "return" in rest.advice(5.5, at_war=True)
    with pytest.raises(DataError, match="one seller only"):
        resting_market(np.array([10.0]), 5.0, -3.0)


def test_collusion_needs_high_prices_and_punishment() -> None:
    level, joint = np.full(2, 1.5), np.full(2, 2.0)
    calm = np.full((60, 2), 1.85)
    assert watch_collusion(calm, level, joint).level == "prices elevated"
    forgiven = calm.copy()
    forgiven[30, 0] = 1.6
    assert not watch_collusion(forgiven, level, joint).warned
    punished = forgiven.copy()
    punished[31:33] = 1.55
    assert watch_collusion(punished, level, joint).warned
    lasting = punished.copy()
    lasting[33:] = 1.55
    assert not watch_collusion(lasting, level, joint, CollusionConfig(persistent=0.5)).warned
    assert watch_collusion(np.full((60, 2), 1.52), level, joint).level == "none"
    with pytest.raises(DataError, match="joint prices above"):
        watch_collusion(calm, joint, level)


def test_probes_tell_punishment_from_cycles() -> None:
    levels = (np.full(2, 1.5), np.full(2, 2.0))
    calm = np.tile([[1.9, 1.8], [1.8, 1.9]], (20, 1))
    shrugged, answered, ruined = calm.copy(), calm.copy(), calm.copy()
    for path in (shrugged, answered, ruined):
        path[15, 0] = 1.6
    answered[16:18], ruined[16:] = 1.55, 1.55
    assert judge_probes(calm, [answered, answered, calm], levels).warned
    assert not judge_probes(calm, [answered, shrugged], levels).warned
    assert judge_probes(calm, [ruined], levels).level == "prices elevated"
    assert judge_probes(np.full((40, 2), 1.52), [calm], levels).level == "none"


def test_learners_that_see_only_today_find_the_best_answer_to_random_prices() -> None:
    market, config = symmetric_market(), LearnerConfig(5, 0.02, 0.0, patience=0.0, periods=15_000)
    learned = learn_sessions(market, 4, config)
    grid = learned.grid
    earned = [
        np.mean([market.profits(np.array([own, other]))["a"] for other in grid]) for own in grid
    ]  # the other seller draws its price
    assert (learned.policies == np.argmax(earned)).mean() > 0.8
    np.testing.assert_array_equal(learned.policies, learn_sessions(market, 4, config).policies)
    assert learned.play().shape == (4, 41, 2) and len(learned.judged()) == 4
