"""The demand page: every product in a table, the best sellers as curves with their uncertainty."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pricelm.decisions.demand.records import DemandEstimate, DemandModel
from pricelm.evaluation.axes import Scale, short_number
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, svg
from pricelm.evaluation.markup import Markup, element, user_text
from pricelm.evaluation.report import html_page

_MOST_CHARTS = 12
_MOST_LINES = 500
_POINTS = 40

_DRAWS = 400
_PERIODS = {7: "week"}
_STYLE = "td:nth-child(7) { white-space: nowrap; }"


def demand_page(model: DemandModel, title: str, created_at: str) -> str:
    """Return the demand model as one self-contained HTML page.

    Parameters
    ----------
    model : DemandModel
        Learned demand.
    title : str
        For example the name of the file of sales.
    created_at : str
        Date and time, readable.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    period = _PERIODS.get(round(model.period_days), "month")
    rungs = Counter(one.rung for one in model.estimates)
    headline = ", ".join(f"{count:,} by {rung}" for rung, count in rungs.most_common() if rung != "none")
    refused = f" Refused: {rungs['none']:,}." if rungs["none"] else ""
    facts = [f"{len(model.estimates):,} products", model.currency, created_at]
    charts = demand_figures(model)
    return html_page(
        f"{title}: demand",
        element(
            "header",
            element(
                "p",
                element("b", "pricelm"),
                [element("span", fact) for fact in facts if fact],
                class_="masthead",
            ),
            element("h1", user_text(f"Demand: {title}")),
            element("p", f"Elasticities: {headline or 'none'}.{refused}", class_="headline"),
        ),
        element(
            "main",
            element(
                "section",
                element("h2", "Units against price"),
                element(
                    "p",
                    f"Expected units a {period} at the prices that were seen; the band holds 90% of the "
                    "curves that the data allows. Nothing is said of prices outside.",
                    class_="lead",
                ),
                element("div", charts, class_="figures"),
            ),
            element("section", element("h2", "Products"), _table(model, period)),
            id="main",
        ),
        element(
            "footer", element("p", "Made by pricelm. The names of the rungs are explained in docs/demand.md.")
        ),
        style=_STYLE,
    )


def demand_figures(model: DemandModel, most: int = _MOST_CHARTS) -> list[Markup]:
    """Return the demand curves of the products that earn most, with the curves that the data allows."""
    period = _PERIODS.get(round(model.period_days), "month")
    drawn = [one for one in model.estimates if one.curve is not None]
    drawn.sort(key=lambda one: -one.curve.reference_units * one.curve.reference_price)  # type: ignore[union-attr]
    return [_chart(number, one, period, model.currency) for number, one in enumerate(drawn[:most])]


def _chart(number: int, estimate: DemandEstimate, period: str, currency: str) -> Markup:
    curve = estimate.curve
    assert curve is not None
    prices = np.linspace(curve.price_low, curve.price_high, _POINTS)
    low, high = np.quantile(curve.draws(prices, _DRAWS), [0.05, 0.95], axis=0)
    x = Scale(*_range(curve.price_low, curve.price_high), LEFT, RIGHT)
    y = Scale(0.0, float(high.max()) * 1.05, BOTTOM, TOP)
    across = x.places(np.concatenate([prices, prices[::-1]]))
    up = y.places(np.concatenate([high, low[::-1]]))
    line = zip(x.places(prices), y.places(curve.units(prices)), strict=True)
    drawing = svg(
        f"curve-{number}",
        f"Demand for {estimate.sku}",
        f"{short_number(curve.reference_units)} units a {period} at {short_number(curve.reference_price)}; "
        f"elasticity {curve.elasticity:.2f} ({estimate.rung}).",
        axes_of(x, y, f"price {currency}".strip(), f"units a {period}"),
        element("polygon", points=_corners(zip(across, up, strict=True)), class_="band"),
        element("polyline", points=_corners(line), class_="line held"),
        element(
            "circle",
            cx=x.place(curve.reference_price),
            cy=y.place(curve.reference_units),
            r=4.5,
            class_="knot",
        ),
    )
    words = f"{curve.elasticity:.2f} ({_interval(estimate)}), {estimate.rung}, {estimate.confounding.badge}"
    return element("figure", element("h3", user_text(estimate.sku)), drawing, element("figcaption", words))


def _corners(points: zip[tuple[float, float]]) -> str:
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in points)


def _range(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low * 0.95, high * 1.05)


def _table(model: DemandModel, period: str) -> Markup:
    heads = (
        "product",
        "price",
        f"units a {period}",
        "elasticity",
        "interval",
        "prices known",
        "rung",
        "why",
        "badge",
    )
    lines = []
    for one in model.estimates[:_MOST_LINES]:
        curve = one.curve
        numbers = [""] * 5
        if curve is not None:
            numbers = [
                f"{curve.reference_price:,.2f}",
                f"{curve.reference_units:,.1f}",
                f"{curve.elasticity:.2f}",
                _interval(one),
                f"{curve.price_low:,.2f} to {curve.price_high:,.2f}",
            ]
        cells = [element("td", value, class_="number") for value in numbers]
        texts = [element("td", user_text(value)) for value in (one.rung, one.why, one.confounding.badge)]
        lines.append(element("tr", element("th", user_text(one.sku), scope="row"), cells, texts))
    left = len(model.estimates) - len(lines)
    head = element("thead", element("tr", [element("th", name, scope="col") for name in heads]))
    more = element("p", f"{left:,} more products are in the table and the JSON file.") if left else None
    return element("div", element("table", head, element("tbody", lines), class_="wide"), more)


def _interval(estimate: DemandEstimate) -> str:
    if estimate.elasticity_low is None or estimate.elasticity_high is None:
        return ""
    return f"{estimate.elasticity_low:.2f} to {estimate.elasticity_high:.2f}"
