"""The markdown page: what leaves at which price, and what is expected to be left over."""

from __future__ import annotations

from collections.abc import Sequence

from pricelm.decisions.charts import figure, stock_path_chart
from pricelm.decisions.markdown.schedule import Schedule
from pricelm.evaluation.markup import Markup, Node, element, user_text
from pricelm.evaluation.report import html_page
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import percent_text, price_text, signed_price_text

_MOST_CHARTS = 12
_MOST_LINES = 500


def markdown_page(schedules: Sequence[Schedule], title: str, created_at: str, currency: str = "") -> str:
    """Return schedules as one self-contained HTML page.

    Parameters
    ----------
    schedules : sequence of Schedule
        One a product, refused ones included.
    title : str
        For example the name of the file of products.
    created_at : str
        Date and time, readable.
    currency : str, default ""
        ISO code.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    planned = [one for one in schedules if one.plan is not None]
    facts = [f"{len(schedules):,} products", currency, created_at]
    masthead = [element("b", "pricelm"), [element("span", fact) for fact in facts if fact]]
    more = sum(one.plan.revenue - one.plan.held_revenue for one in planned if one.plan)
    refused = len(schedules) - len(planned)
    headline = (
        f"{len(planned):,} schedules; {signed_price_text(more, currency)} against holding today's prices."
    )
    if refused:
        headline += f" {refused:,} refused."
    charts = markdown_figures(schedules, currency)
    lead = (
        "The way that is taken when sales run as expected; when they do not, plan again with the stock "
        "that is "
        "left. What is left over is the mean over all ways that sales may run."
    )
    return html_page(
        f"{title}: markdown",
        element(
            "header",
            element("p", masthead, class_="masthead"),
            element("h1", user_text(f"Markdown: {title}")),
            element("p", headline, class_="headline"),
        ),
        element(
            "main",
            element(
                "section",
                element("h2", "Week by week"),
                element("p", lead, class_="lead"),
                element("div", charts, class_="figures"),
            )
            if charts
            else None,
            element("section", element("h2", "Products"), _table(schedules, currency)),
            id="main",
        ),
        element("footer", element("p", "Made by pricelm. docs/promotion.md says what each number means.")),
    )


def markdown_figures(
    schedules: Sequence[Schedule], currency: str = "", most: int = _MOST_CHARTS
) -> list[Markup]:
    """Return the chart of every schedule, those without a plan left out."""
    planned = [one for one in schedules if one.plan is not None]
    return [_figure(number, one, currency) for number, one in enumerate(planned[:most])]


def _figure(number: int, one: Schedule, currency: str) -> Markup:
    assert one.plan is not None and one.expected_left is not None
    path = [(week["week"], week["price"], week["stock_left"]) for week in one.weeks]
    words = (
        f"{one.plan.stock:,} units; {percent_text(one.plan.sell_through, 0)} sold and "
        f"{one.expected_left:,.1f} left at the end; earns {price_text(one.plan.revenue, currency)}, "
        f"holding today's "
        f"price {price_text(one.plan.held_revenue, currency)}."
    )
    drawing = stock_path_chart(f"markdown-{number}", f"Markdown of {one.sku}", path)
    return figure(user_text(one.sku), drawing, words)


def _table(schedules: Sequence[Schedule], currency: str) -> Markup:
    rows: list[list[Node]] = []
    for one in schedules[:_MOST_LINES]:
        if one.plan is None:
            rows.append([user_text(one.sku), "", "", "", "", "", user_text(one.refusal)])
            continue
        prices = list(dict.fromkeys(one.plan.usual_prices))
        why = f"demand is not known at lower steps ({one.left_out}): test first" if one.left_out else ""
        if one.plan.sell_through_cost > 0:
            why = f"the target costs {price_text(one.plan.sell_through_cost, currency)}; {why}".rstrip("; ")
        rows.append(
            [
                user_text(one.sku),
                " → ".join(f"{price:,.2f}" for price in prices),
                f"{one.plan.stock:,}",
                f"{one.expected_left:,.1f}",
                price_text(one.plan.revenue, currency),
                price_text(one.plan.held_revenue, currency),
                why,
            ]
        )
    titles = ("Stock", "Left over", "Earns", "Held, it earns")
    columns = [Column("Product"), Column("Prices"), *(Column(title, "number") for title in titles)]
    return data_table("What leaves, and at which prices", [*columns, Column("Note")], rows, class_="wide")
