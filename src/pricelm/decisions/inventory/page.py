"""The stock page: what to order now, what is refused, and every product in a table."""

from __future__ import annotations

from collections.abc import Sequence

from pricelm.decisions.charts import cover_chart, figure
from pricelm.decisions.inventory.plan import StockPlan
from pricelm.evaluation.markup import Markup, element, user_text
from pricelm.evaluation.report import html_page

_MOST_LINES = 500
_STYLE = "td:nth-child(10) { min-width: 22em; }"


def stock_page(plans: Sequence[StockPlan], title: str, created_at: str) -> str:
    """Return the plans as one self-contained HTML page.

    Parameters
    ----------
    plans : sequence of StockPlan
        One a product.
    title : str
        For example the name of the file of products.
    created_at : str
        Date and time, readable.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    ordered = sum(plan.order_now for plan in plans)
    refused = sum(bool(plan.refusal) for plan in plans)
    facts = [f"{len(plans):,} products", created_at]
    urgent = sorted(plans, key=lambda plan: (not plan.order_now, -(plan.shortage_risk or 0.0)))
    headline = f"{ordered:,} to order now, {refused:,} refused." if refused else f"{ordered:,} to order now."
    charts = stock_figures(urgent)
    return html_page(
        f"{title}: stock",
        element(
            "header",
            element(
                "p",
                element("b", "pricelm"),
                [element("span", fact) for fact in facts],
                class_="masthead",
            ),
            element("h1", user_text(f"Stock: {title}")),
            element("p", headline, class_="headline"),
        ),
        element(
            "main",
            element(
                "section", element("h2", "How long stocks last"), element("div", charts, class_="figures")
            )
            if charts
            else None,
            element("section", element("h2", "What to order, the most urgent first"), _table(urgent)),
            id="main",
        ),
        element("footer", element("p", "Made by pricelm. The numbers are explained in docs/stock.md.")),
        style=_STYLE,
    )


def stock_figures(plans: Sequence[StockPlan]) -> list[Markup]:
    """Return the chart of how long stocks last, in the order of the plans; none where nothing is known."""
    rows = [
        (one.sku, one.cover_days, f"order {one.order_units:,.0f}" if one.order_now else "", one.order_now)
        for one in plans
        if one.cover_days is not None
    ]
    if not rows:
        return []
    text = "Days until the stock on hand is sold at the expected rate; red ones are to be ordered now."
    return [figure("The most urgent", cover_chart(rows), text)]


def _table(plans: Sequence[StockPlan]) -> Markup:
    heads = ["product", "order now", "policy", "reorder point", "order up to", "usual order"]
    heads += ["safety stock", "cover, days", "risk of shortage", "why"]
    lines = []
    for one in plans[:_MOST_LINES]:
        risk = "" if one.shortage_risk is None else f"{one.shortage_risk:.1%}"
        numbers = (one.reorder_point, one.order_up_to, one.order_quantity, one.safety_stock, one.cover_days)
        cells = [
            element("td", f"{one.order_units:,.0f}" if one.order_now else "", class_="number"),
            element("td", one.policy),
            [element("td", "" if value is None else f"{value:,.1f}", class_="number") for value in numbers],
            element("td", risk, class_="number"),
            element("td", user_text(one.refusal or one.why)),
        ]
        lines.append(element("tr", element("th", user_text(one.sku), scope="row"), cells))
    left = len(plans) - len(lines)
    head = element("thead", element("tr", [element("th", name, scope="col") for name in heads]))
    more = element("p", f"{left:,} more products are in the table.") if left else None
    return element("div", element("table", head, element("tbody", lines), class_="wide"), more)
