"""The forecast page: coming units with their intervals as charts, and every series in a table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pricelm.decisions.forecasting.records import SalesForecast, SeriesForecast
from pricelm.evaluation.axes import Scale, short_number
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, svg
from pricelm.evaluation.markup import Markup, element, user_text
from pricelm.evaluation.report import html_page

_MOST_CHARTS = 12
_MOST_LINES = 500
_STYLE = "td:nth-child(8) { min-width: 24em; }"


def forecast_page(made: SalesForecast, title: str, created_at: str) -> str:
    """Return a forecast as one self-contained HTML page.

    Parameters
    ----------
    made : SalesForecast
        What was forecast.
    title : str
        For example the name of the file of sales.
    created_at : str
        Date and time, readable.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    period = "week" if made.period_days == 7 else "day"
    products = [one for one in made.series if one.level == "product"]
    categories = [one for one in made.series if one.level == "category"]
    biggest = sorted(products, key=lambda one: -sum(one.units))
    shown = [*sorted(categories, key=lambda one: -sum(one.units))[:2], *biggest][:_MOST_CHARTS]
    charts = [_chart(number, one, period, made.confidence_level) for number, one in enumerate(shown)]
    facts = [f"{len(products):,} series", f"{len(made.starts)} {period}s from {made.starts[0]}", created_at]
    refused = f" {len(made.refusals):,} refused." if made.refusals else ""
    total = sum(sum(one.units) for one in products)
    return html_page(
        f"{title}: forecast",
        element(
            "header",
            element(
                "p", element("b", "pricelm"), [element("span", fact) for fact in facts], class_="masthead"
            ),
            element("h1", user_text(f"Forecast: {title}")),
            element("p", f"{total:,.0f} units expected at the stated prices.{refused}", class_="headline"),
        ),
        element(
            "main",
            element(
                "section",
                element("h2", "Coming units"),
                element(
                    "p",
                    f"Expected units a {period}; the band should hold {made.confidence_level:.0%} of "
                    "what comes.",
                    class_="lead",
                ),
                element("div", charts, class_="figures"),
            ),
            element("section", element("h2", "Series, the largest first"), _table(biggest)),
            element("section", element("h2", "What was assumed"), _notes(made)),
            id="main",
        ),
        element("footer", element("p", "Made by pricelm. The numbers are explained in docs/forecast.md.")),
        style=_STYLE,
    )


def _chart(number: int, one: SeriesForecast, period: str, level: float) -> Markup:
    steps = np.arange(1, len(one.units) + 1, dtype=np.float64)
    x = Scale(0.5, len(steps) + 0.5, LEFT, RIGHT)
    y = Scale(0.0, max(max(one.high) * 1.05, 1.0), BOTTOM, TOP)
    across = x.places(np.concatenate([steps, steps[::-1]]))
    up = y.places(np.concatenate([np.array(one.high), np.array(one.low)[::-1]]))
    line = zip(x.places(steps), y.places(np.array(one.units)), strict=True)
    name = _name(one)
    drawing = svg(
        f"forecast-{number}",
        f"Forecast for {name}",
        f"{short_number(one.units[0])} units in the first {period}, "
        f"{short_number(one.units[-1])} in the last.",
        axes_of(x, y, f"{period}s ahead", f"units a {period}"),
        element("polygon", points=_corners(zip(across, up, strict=True)), class_="band"),
        element("polyline", points=_corners(line), class_="line held"),
    )
    total = f"{sum(one.units):,.1f} units in all; first {period} {one.low[0]:,.1f} to {one.high[0]:,.1f}"
    words = f"{total} ({level:.0%}). {one.series_class}, {one.method}"
    return element("figure", element("h3", user_text(name)), drawing, element("figcaption", words))


def _corners(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in points)


def _name(one: SeriesForecast) -> str:
    if one.level == "category":
        return f"category {one.category}" if one.category else "all products"
    return f"{one.sku}, {one.store}" if one.store else one.sku


def _table(series: list[SeriesForecast]) -> Markup:
    heads = ("series", "units", "first period", "interval", "price", "elasticity", "class", "why", "beware")
    lines = []
    for one in series[:_MOST_LINES]:
        elasticity = "" if one.elasticity is None else f"{one.elasticity:.2f}"
        numbers = (
            f"{sum(one.units):,.1f}",
            f"{one.units[0]:,.2f}",
            f"{one.low[0]:,.1f} to {one.high[0]:,.1f}",
        )
        cells = [
            element("td", value, class_="number") for value in (*numbers, f"{one.price[0]:,.2f}", elasticity)
        ]
        texts = [element("td", user_text(value)) for value in (one.series_class, one.why, one.note)]
        lines.append(element("tr", element("th", user_text(_name(one)), scope="row"), cells, texts))
    left = len(series) - len(lines)
    head = element("thead", element("tr", [element("th", name, scope="col") for name in heads]))
    more = element("p", f"{left:,} more series are in the table and the JSON file.") if left else None
    return element("div", element("table", head, element("tbody", lines)), more)


def _notes(made: SalesForecast) -> Markup:
    refused = [f"{one['sku']}: {one['reason']}" for one in made.refusals[:_MOST_LINES]]
    said = [*made.notes, *refused] or ["Nothing beyond what docs/forecast.md says."]
    return element("ul", [element("li", user_text(line)) for line in said])
