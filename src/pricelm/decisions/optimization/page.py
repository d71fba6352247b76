"""The page of a plan: what changes, profit against price with interval and rules, the frontier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pricelm.core.nouns import Recommendation
from pricelm.decisions.optimization.frontier import FrontierPoint
from pricelm.decisions.optimization.intervals import reduced_values
from pricelm.decisions.optimization.propose import PricePlan
from pricelm.evaluation.axes import Scale, padded
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, dot, svg
from pricelm.evaluation.markup import Markup, Node, element, user_text
from pricelm.evaluation.report import html_page
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import price_text, signed_price_text

_MOST_CHARTS = 12
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
    moved = [number for number, one in enumerate(plan.recommendations) if one.action != "hold"]
    moved.sort(key=lambda number: -abs(plan.recommendations[number].gain))
    reduced = reduced_values(plan.assortment.problem, plan.solution)
    charts: list[Node] = [_price_chart(plan, row, reduced) for row in moved[:_MOST_CHARTS]]
    if len(frontier) > 1:
        charts.insert(0, _frontier_chart(plan, frontier, against))
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
                    "ones break a rule or are not sure enough to earn more; the ring is the current price, "
                    "the dot the proposed one.",
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
    table = data_table("What the rules cost: the best plan without one, less the best plan", columns, rows)
    return element("section", element("h2", "Rules"), table)


def _price_chart(plan: PricePlan, row: int, reduced: np.ndarray) -> Markup:
    one, problem = plan.recommendations[row], plan.assortment.problem
    fresh = plan.assortment.grid.fresh[row]
    prices = problem.prices[row]
    worth = problem.value[row] - plan.solution.multipliers @ problem.usage[:, row]
    worth = np.where(np.isfinite(reduced[row]), reduced[row], worth)
    shown = fresh & np.isfinite(worth)
    broken = shown & ~np.isfinite(reduced[row])
    x = Scale(*padded(prices[shown], 0.04), LEFT, RIGHT)
    y = Scale(*padded(worth[shown], 0.08), BOTTOM, TOP)
    current = int(plan.assortment.grid.current[row])
    proposed = int(plan.choice[row])
    low, high = x.place(one.price_low), x.place(one.price_high)
    wide = max(high - low, 2.0)
    band = f"{low:.1f},{BOTTOM} {low + wide:.1f},{BOTTOM} {low + wide:.1f},{TOP} {low:.1f},{TOP}"
    corners = " ".join(
        f"{x.place(float(price)):.1f},{y.place(float(value)):.1f}"
        for price, value in zip(prices[shown], worth[shown], strict=True)
    )
    marks = [
        dot(x.place(float(prices[at])), y.place(float(worth[at])), "knot bad")
        for at in np.flatnonzero(broken)
    ]
    title = f"{one.sku}: {one.current_price:,.2f} to {one.proposed_price:,.2f}"
    drawing = svg(
        f"price-{row}",
        title,
        one.rationale,
        axes_of(x, y, f"price {one.currency}".strip(), "earned a period"),
        element("polygon", points=band, class_="band"),
        element("polyline", points=corners, class_="line held"),
        marks,
        dot(x.place(float(prices[current])), y.place(float(worth[current])), "knot best", 5.0),
        dot(x.place(float(prices[proposed])), y.place(float(worth[proposed])), "knot", 5.0),
    )
    heading = element("h3", user_text(one.sku), f" {one.action}: ", f"{one.proposed_price:,.2f}")
    return element("figure", heading, drawing, element("figcaption", user_text(one.rationale)))


def _frontier_chart(plan: PricePlan, points: Sequence[FrontierPoint], against: str) -> Markup:
    across = np.array([getattr(point, against) for point in points])
    up = np.array([point.margin for point in points])
    now = plan.totals["current"]
    x = Scale(*padded(np.append(across, now[against]), 0.06), LEFT, RIGHT)
    y = Scale(*padded(np.append(up, now["margin"]), 0.08), BOTTOM, TOP)
    corners = " ".join(
        f"{x.place(float(a)):.1f},{y.place(float(b)):.1f}" for a, b in zip(across, up, strict=True)
    )
    drawing = svg(
        "frontier",
        f"Margin against {against}",
        f"{len(points)} efficient plans; the ring is today.",
        axes_of(x, y, f"{against} a period", "margin a period"),
        element("polyline", points=corners, class_="line held"),
        [dot(x.place(float(a)), y.place(float(b)), "knot") for a, b in zip(across, up, strict=True)],
        dot(x.place(now[against]), y.place(now["margin"]), "knot best", 5.0),
    )
    text = f"Plans of which none earns more margin without less {against}. The ring is today."
    return element("figure", element("h3", "Efficient frontier"), drawing, element("figcaption", text))


def _table(plan: PricePlan, currency: str) -> Markup:
    rows = [_line(one, currency) for one in plan.recommendations[:_MOST_LINES]]
    titles = ("Now", "Proposed", "Nearly as good", "Units", "Gain")
    columns = [
        Column("Product"),
        Column("Action"),
        *(Column(title, "number") for title in titles),
        Column("Why"),
    ]
    table = data_table("Proposed prices", columns, rows)
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
