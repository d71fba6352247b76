"""The page of a plan: what changes, profit against price with interval and rules, the frontier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pricelm.core.nouns import Recommendation
from pricelm.decisions.charts import (
    PriceCurve,
    figure,
    frontier_chart,
    profit_chart,
    waterfall_chart,
)
from pricelm.decisions.optimization.frontier import FrontierPoint
from pricelm.decisions.optimization.intervals import reduced_values
from pricelm.decisions.optimization.price_steps import price_steps
from pricelm.decisions.optimization.propose import PricePlan
from pricelm.evaluation.markup import Markup, Node, element, fragment, user_text
from pricelm.evaluation.report import html_page
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import price_text, signed_price_text

_MOST_CHARTS = 8
_MOST_LINES = 500
_ACTIONS = ("raise", "lower", "hold", "test first", "review")


def plan_page(
    plan: PricePlan,
    title: str,
    created_at: str,
    frontier: Sequence[FrontierPoint] = (),
    against: str = "revenue",
) -> str:
    """Return a plan as one self-contained HTML page.

    Parameters
    ----------
    plan : PricePlan
        A plan that is not infeasible.
    title : str
        For example the name of the file of products.
    created_at : str
        Date and time, readable.
    frontier : sequence of FrontierPoint, optional
        Efficient plans; drawn when there are two or more.
    against : str, default "revenue"
        What margin is weighed against in them.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    currency = plan.assortment.facts.currency
    facts = [f"{len(plan.recommendations):,} products", currency, created_at]
    charts = plan_figures(plan, frontier, against)
    masthead = [element("b", "pricelm"), [element("span", fact) for fact in facts if fact]]
    return html_page(
        f"{title}: prices",
        element(
            "header",
            element("p", masthead, class_="masthead"),
            element("h1", user_text(f"Prices: {title}")),
            element("p", _headline(plan, currency), class_="headline"),
            element("dl", _facts(plan, currency), class_="facts"),
        ),
        element(
            "main",
            _rules_section(plan, currency),
            element(
                "section",
                element("h2", "What a price earns"),
                element(
                    "p",
                    "The objective a period, judged with its risk, against the price, all other prices as "
                    "proposed. The band holds the prices that are nearly as good and keep the rules; red "
                    "ones break a rule or are not sure enough to earn more; dashed lines are where "
                    "rules end; "
                    "the ring is the current price, the dot the proposed one. Below, what moved the "
                    "price: demand and cost alone, "
                    "then each rule, the most important first.",
                    class_="lead",
                ),
                element("div", charts, class_="figures"),
            )
            if charts
            else None,
            element("section", element("h2", "Products"), _table(plan, currency)),
            id="main",
        ),
        element("footer", element("p", "Made by pricelm. docs/decisions.md says what each number means.")),
    )


def plan_figures(
    plan: PricePlan,
    frontier: Sequence[FrontierPoint] = (),
    against: str = "revenue",
    most: int = _MOST_CHARTS,
) -> list[Markup]:
    """Return the charts of a plan: the frontier, then the price curves and waterfalls of the largest gains.

    Parameters
    ----------
    plan : PricePlan
        A plan that is not infeasible.
    frontier : sequence of FrontierPoint, optional
        Efficient plans; drawn when there are two or more.
    against : str, default "revenue"
        What margin is weighed against in them.
    most : int, default 8
        Products to draw.
    """
    moved = [number for number, one in enumerate(plan.recommendations) if one.action != "hold"]
    moved.sort(key=lambda number: -abs(plan.recommendations[number].gain))
    reduced = reduced_values(plan.assortment.problem, plan.solution)
    figures = [_frontier_figure(plan, frontier, against)] if len(frontier) > 1 else []
    return figures + [_price_figure(plan, row, reduced) for row in moved[:most]]


def _headline(plan: PricePlan, currency: str) -> str:
    counts = Counter(one.action for one in plan.recommendations)
    said = ", ".join(f"{counts[name]:,} to {name}" for name in _ACTIONS if counts[name])
    gain = sum(one.gain for one in plan.recommendations)
    gap = f"no plan on this grid earns more than {plan.solution.gap:.2%} above it"
    return f"{said}. Expected {signed_price_text(gain, currency)} a period; {gap}."


def _facts(plan: PricePlan, currency: str) -> list[Markup]:
    cells = []
    for name in ("margin", "revenue", "units"):
        now, then = plan.totals["current"][name], plan.totals["proposed"][name]
        text = price_text(then, currency) if name != "units" else f"{then:,.0f}"
        before = price_text(now, currency) if name != "units" else f"{now:,.0f}"
        change = f"{then / now - 1:+.1%}" if now > 0 and np.isfinite(now) else ""
        inside = element(
            "dd", element("strong", text), element("small", f"now {before}"), element("span", change)
        )
        cells.append(element("div", element("dt", f"{name} a period"), inside))
    moved = sum(one.action in ("raise", "lower", "test first") for one in plan.recommendations)
    share = f"of {len(plan.recommendations):,} products"
    inside = element("dd", element("strong", f"{moved:,}"), element("small", share))
    return [*cells, element("div", element("dt", "prices to change"), inside)]


def _rules_section(plan: PricePlan, currency: str) -> Markup | None:
    rows: list[list[Node]] = [
        [user_text(one.rule_id), one.kind, "kept" if one.satisfied else "broken", user_text(one.message)]
        for one in plan.verdicts
    ]
    names = [one.rule_id for one in plan.verdicts]
    others = [rule for rule in plan.assortment.book if rule.id in plan.rule_costs and rule.id not in names]
    rows += [
        [user_text(rule.id), rule.kind, "holds prices", user_text(rule.scope.describe())] for rule in others
    ]
    if not rows:
        return None
    for row, name in zip(rows, [*names, *(rule.id for rule in others)], strict=True):
        cost = plan.rule_costs.get(name, 0.0)
        row.append(price_text(cost, currency) if cost > 0 else "nothing")
    columns = [
        Column("Rule"),
        Column("Kind"),
        Column("Verdict"),
        Column("Detail"),
        Column("Costs a period", "number"),
    ]
    table = data_table(
        "What the rules cost: the best plan without one, less the best plan", columns, rows, class_="wide"
    )
    return element("section", element("h2", "Rules"), table)


def _price_figure(plan: PricePlan, row: int, reduced: np.ndarray) -> Markup:
    one, problem = plan.recommendations[row], plan.assortment.problem
    prices = problem.prices[row]
    worth = problem.value[row] - plan.solution.multipliers @ problem.usage[:, row]
    worth = np.where(np.isfinite(reduced[row]), reduced[row], worth)
    shown = plan.assortment.grid.fresh[row] & np.isfinite(worth)
    current, proposed = int(plan.assortment.grid.current[row]), int(plan.choice[row])
    curve = PriceCurve(
        prices[shown],
        worth[shown],
        np.isfinite(reduced[row])[shown],
        one.price_low,
        one.price_high,
        (float(prices[current]), float(worth[current])),
        (float(prices[proposed]), float(worth[proposed])),
        _limits(plan, row),
    )
    title = f"{one.sku}: {one.current_price:,.2f} to {one.proposed_price:,.2f}"
    drawing = profit_chart(f"price-{row}", title, one.rationale, curve, one.currency)
    heading = [user_text(one.sku), f" {one.action}: ", f"{one.proposed_price:,.2f}"]
    steps = [(step.cause, step.price) for step in price_steps(plan, row)]
    below = waterfall_chart(f"steps-{row}", f"{one.sku}: what moved the price", steps, one.currency)
    return figure(heading, fragment(drawing, below), user_text(one.rationale))


def _limits(plan: PricePlan, row: int) -> list[tuple[float, str]]:
    facts = plan.assortment.facts.take(np.array([row]))
    found = []
    for rule in plan.assortment.book.price_rules:
        low, high = (float(end[0]) for end in rule.bounds(facts))
        found += [(end, rule.id) for end in (low, high) if 0 < end < np.inf]
    return found


def _frontier_figure(plan: PricePlan, points: Sequence[FrontierPoint], against: str) -> Markup:
    now, then = plan.totals["current"], plan.totals["proposed"]
    drawing = frontier_chart(
        [(getattr(point, against), point.margin) for point in points],
        (against, "margin"),
        [(now[against], now["margin"], "today"), (then[against], then["margin"], "proposed")],
    )
    text = (
        f"Plans of which none earns more margin without less {against}, risk left aside. The proposed "
        f"one minds "
        "its risk and may lie below."
    )
    return figure("Efficient frontier", drawing, text)


def _table(plan: PricePlan, currency: str) -> Markup:
    rows = [_line(one, currency) for one in plan.recommendations[:_MOST_LINES]]
    titles = ("Now", "Proposed", "Nearly as good", "Units", "Gain")
    columns = [
        Column("Product"),
        Column("Action"),
        *(Column(title, "number") for title in titles),
        Column("Why"),
    ]
    table = data_table("Proposed prices", columns, rows, class_="wide")
    left = len(plan.recommendations) - len(rows)
    more = element("p", f"{left:,} more products are in the table and the JSON file.") if left else None
    return element("div", table, more)


def _line(one: Recommendation, currency: str) -> list[Node]:
    return [
        user_text(one.sku),
        one.action,
        price_text(one.current_price, currency),
        price_text(one.proposed_price, currency),
        f"{one.price_low:,.2f} to {one.price_high:,.2f}",
        f"{one.units:,.1f}",
        signed_price_text(one.gain, currency),
        user_text(one.rationale),
    ]
