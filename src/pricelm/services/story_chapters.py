"""The chapters of the demo's story: each runs one use case, and tells what came out in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pricelm.catalog.shop_sales import ShopSales
from pricelm.core.protocols import Progress
from pricelm.decisions.demand.page import demand_figures
from pricelm.decisions.inventory.page import stock_figures
from pricelm.decisions.markdown.page import markdown_figures
from pricelm.decisions.optimization.page import plan_figures
from pricelm.decisions.promotion import CalendarLimits
from pricelm.decisions.promotion.page import calendar_figure
from pricelm.evaluation.markup import Markup
from pricelm.evaluation.wording import price_text, signed_price_text
from pricelm.services.demand import DemandRequest, estimate_demand
from pricelm.services.marking_down import MarkdownRequest, plan_markdowns
from pricelm.services.optimizing import OptimizeRequest, optimize_prices
from pricelm.services.promoting import PromoteRequest, plan_promotions
from pricelm.services.rules import check_rules
from pricelm.services.stocking import StockRequest, plan_orders

# what the command line takes where it is not told otherwise
_SHOWN = 4
_SELL_THROUGH = 0.9
_BUDGET_SHARE = 0.03


@dataclass(frozen=True, eq=False)
class Scene:
    """Where a story plays.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of all files.
    sold : ShopSales
        What the shop sold, and the truth behind it.
    model : pathlib.Path or None
        Bundle that prices new products.
    """

    folder: Path
    sold: ShopSales
    model: Path | None = None

    def file(self, name: str) -> Path:
        """Return the path of a file of the story."""
        return self.folder / name


@dataclass(frozen=True, eq=False)
class Chapter:
    """What one decision came to.

    Parameters
    ----------
    name, title : str
        Its key and its heading.
    command : str
        The command line that does the same.
    said : list of str
        What came out, in sentences.
    table : list of list of str
        A few lines with a head, or nothing.
    page : str
        File name of its page in the folder, or ``""``.
    figures : list of Markup
        Charts for the report; not kept.
    """

    name: str
    title: str
    command: str
    said: list[str]
    table: list[list[str]] = field(default_factory=list)
    page: str = ""
    figures: list[Markup] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the charts as JSON-ready values."""
        return {name: value for name, value in asdict(self).items() if name != "figures"}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Chapter:
        """Rebuild a chapter from :meth:`to_dict`."""
        return cls(**stored)


def demand_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Learn demand from the sales, and hold it to the truth."""
    words = ["demand", scene.file("sales.csv"), "--out", scene.file("demand.csv")]
    words += ["--report", scene.file("demand.html")]
    products = None
    if scene.model is not None:
        products = scene.file("new-products.csv")
        words += ["--products", products, "--model", scene.model]
    request = DemandRequest(
        scene.file("sales.csv"),
        scene.file("demand.csv"),
        products=products,
        model=scene.model,
        report=scene.file("demand.html"),
    )
    model = estimate_demand(request, progress).demand
    truth = scene.sold.truth.set_index("sku")["own_price_elasticity"]
    known = [one for one in model.estimates if one.sku in truth.index and one.elasticity_low is not None]
    held = sum(one.elasticity_low <= truth[one.sku] <= one.elasticity_high for one in known)
    rows = [["product", "naive", "estimated", "90% interval", "the truth"]]
    known.sort(key=lambda one: truth[one.sku])
    for one in known[:: max(1, len(known) // _SHOWN)][:_SHOWN]:
        assert one.curve is not None
        naive = "" if one.confounding.naive is None else f"{one.confounding.naive:.1f}"
        between = f"{one.elasticity_low:.1f} to {one.elasticity_high:.1f}"
        rows.append([one.sku, naive, f"{one.curve.elasticity:.1f}", between, f"{truth[one.sku]:.1f}"])
    new = len(model.estimates) - len(known)
    said = [
        f"{len(scene.sold.sales):,} rows of sales say how buyers answer to prices. This shop raises "
        f"prices in busy "
        "weeks, so that prices seem to matter less than they do; unit costs, which move prices but not "
        f"buyers, put that right. The truth is in {held} of {len(known)} intervals.",
    ]
    if new:
        said.append(f"{new} new products have not sold: their price by the model stands in for demand.")
    return Chapter(
        "demand",
        "It sells, and demand is learned",
        command_line(words),
        said,
        rows,
        "demand.html",
        demand_figures(model, 2),
    )


def rules_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Look for contradictions in the shop's rules."""
    progress.start("checking rules", 0)
    found = check_rules(scene.file("rules.yaml"), scene.file("products.csv"))
    state = "none contradict each other" if found.ok else f"{len(found.findings)} contradictions"
    said = [
        "What the shop allows itself is data: a margin of 20%, steps of 15%, prices that end in 9, at "
        "most 10% above "
        f"the rival, and 97% of today's units. {found.rules} rules on {found.products} products: {state}."
    ]
    words = ["rules", "lint", scene.file("rules.yaml"), scene.file("products.csv")]
    return Chapter("rules", "The shop writes down its rules", command_line(words), said)


def optimize_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Choose prices under the rules, and judge them by the true demand."""
    today = scene.sold.next_week
    request = OptimizeRequest(
        scene.file("products.csv"),
        scene.file("prices.csv"),
        rules=scene.file("rules.yaml"),
        demand=scene.file("demand.csv"),
        today=date.fromisoformat(today),
    )
    result = optimize_prices(request, progress)
    made = result.plan.recommendations
    moved = sorted((one for one in made if one.action != "hold"), key=lambda one: -one.gain)
    rows = [["product", "now", "proposed", "nearly as good", "gain a week", "held by"]]
    for one in moved[:_SHOWN]:
        held = ", ".join(verdict.rule_id for verdict in one.verdicts if verdict.bound)
        good = f"{one.price_low:,.2f} to {one.price_high:,.2f}"
        cells = [one.sku, f"{one.current_price:,.2f}", f"{one.proposed_price:,.2f}", good]
        rows.append([*cells, f"{one.gain:+,.2f}", held])
    actions = ", ".join(f"{count} to {name}" for name, count in result.actions.items())
    expected = sum(one.gain for one in made)
    now = _true_margin(scene.sold, {one.sku: one.current_price for one in made})
    then = _true_margin(scene.sold, {one.sku: one.proposed_price for one in made})
    currency = scene.sold.currency
    said = [
        f"{len(made)} products: {actions}. Expected, with care for what is not known: "
        f"{signed_price_text(expected, currency)} a week. By the true demand, which no one could see: "
        f"{signed_price_text(then - now, currency)} ({(then - now) / now:+.1%})."
    ]
    words = ["optimize", scene.file("products.csv"), "--demand", scene.file("demand.csv")]
    words += ["--rules", scene.file("rules.yaml"), "--today", today, "--out", scene.file("prices.csv")]
    figures = plan_figures(result.plan, result.frontier, most=1)
    return Chapter(
        "optimize",
        "Prices are chosen under the rules",
        command_line(words),
        said,
        rows,
        "prices.html",
        figures,
    )


def promote_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Measure past campaigns, and plan the next ones."""
    sales = scene.sold.sales
    weekly = float((sales["price"] * sales["units"]).sum()) / sales["date"].nunique()
    limits = CalendarLimits(weeks=8, budget=float(round(8 * weekly * _BUDGET_SHARE, -1)))
    request = PromoteRequest(
        scene.file("sales.csv"),
        scene.file("campaigns.csv"),
        limits=limits,
        report=scene.file("campaigns.html"),
    )
    result = plan_promotions(request, progress)
    measured = [one for one in result.study.effects if one.uplift]
    truth = scene.sold.truth.set_index("sku")["uplift"]
    found = sum(one.uplift.change for one in measured if one.uplift) / max(len(measured), 1)
    true = sum(truth[one.campaign.sku] for one in measured) / max(len(measured), 1)
    currency = scene.sold.currency
    said = [
        f"{len(measured)} past campaigns, each against matched controls, sold {found:+.0%} on average; "
        f"the truth is "
        f"{true:+.0%}. That a campaign sells more does not mean that it earns more:",
    ]
    rows = [["week", "product", "price", "extra units", "gain", "of the budget"]]
    for row in result.calendar_rows[:_SHOWN]:
        numbers = [f"{row['price']:,.2f}", f"{row['extra_units']:,.0f}", f"{row['gain']:,.0f}"]
        rows.append([row["week"], row["sku"], *numbers, f"{row['spent']:,.0f}"])
    figures = []
    if result.calendar is not None and result.calendar.campaigns:
        figures.append(calendar_figure(result.calendar, limits, result.first_week, currency))
        said.append(
            f"the best calendar of 8 weeks has {len(result.calendar_rows)} campaigns, which gain "
            f"{signed_price_text(result.calendar.gain, currency)} for "
            f"{price_text(result.calendar.spent, currency)}."
        )
    else:
        said.append("none that was tried is worth running again.")
    words = ["promote", scene.file("sales.csv"), "--budget", f"{limits.budget:g}"]
    words += ["--out", scene.file("campaigns.csv"), "--report", scene.file("campaigns.html")]
    shown = rows if len(rows) > 1 else []
    return Chapter(
        "promote",
        "A promotion is planned",
        command_line(words),
        [" ".join(said)],
        shown,
        "campaigns.html",
        figures,
    )


def markdown_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Plan the way out of the products that leave."""
    today = scene.sold.next_week
    request = MarkdownRequest(
        scene.file("products.csv"),
        scene.file("markdown.csv"),
        demand=scene.file("demand.csv"),
        report=scene.file("markdown.html"),
        today=date.fromisoformat(today),
        sell_through=_SELL_THROUGH,
    )
    result = plan_markdowns(request, progress)
    rows = [["product", "prices, week by week", "stock", "left", "earns", "if held"]]
    for one in result.schedules[:_SHOWN]:
        if one.plan is not None:
            money = [f"{value:,.0f}" for value in (one.plan.revenue, one.plan.held_revenue)]
            rows.append([one.sku, one.price_path, f"{one.plan.stock:,}", f"{one.expected_left:,.0f}", *money])
    planned = [one for one in result.schedules if one.plan is not None]
    said = [
        f"{len(result.schedules)} products leave in some weeks, with too much stock; nine tenths of it "
        f"have to be sold. "
        f"{len(planned)} schedules, exact for the demand learned; lower steps than were ever tried are "
        f"left out."
    ]
    said += [f"{one.sku}: {one.refusal}" for one in result.schedules if one.refusal]
    words = ["markdown", scene.file("products.csv"), "--demand", scene.file("demand.csv"), "--sell-through"]
    words += [f"{_SELL_THROUGH:g}", "--today", today, "--out", scene.file("markdown.csv")]
    words += ["--report", scene.file("markdown.html")]
    figures = markdown_figures(result.schedules, scene.sold.currency, 3)
    shown = rows if len(rows) > 1 else []
    return Chapter(
        "markdown", "What leaves is marked down", command_line(words), said, shown, "markdown.html", figures
    )


def stock_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Say what to order at the new prices."""
    request = StockRequest(
        scene.file("products.csv"),
        scene.file("orders.csv"),
        demand=scene.file("demand.json"),
        report=scene.file("orders.html"),
        prices=scene.file("prices.csv"),
    )
    plans = plan_orders(request, progress).plans
    urgent = sorted(
        (one for one in plans if not one.refusal),
        key=lambda one: (not one.order_now, -(one.shortage_risk or 0.0)),
    )
    rows = [["product", "order now", "reorder point", "cover, days", "risk of shortage"]]
    for one in [one for one in urgent if one.order_now][:_SHOWN]:
        numbers = [f"{one.order_units:,.0f}", f"{one.reorder_point:,.0f}", f"{one.cover_days:,.0f}"]
        rows.append([one.sku, *numbers, f"{one.shortage_risk:.0%}"])
    ordered = sum(one.order_now for one in plans)
    said = [
        f"At the new prices other quantities sell: {ordered} of {len(plans)} products are to be ordered now."
    ]
    words = ["stock", scene.file("products.csv"), "--demand", scene.file("demand.json")]
    words += ["--prices", scene.file("prices.csv"), "--out", scene.file("orders.csv")]
    words += ["--report", scene.file("orders.html")]
    shown = rows if len(rows) > 1 else []
    return Chapter(
        "stock",
        "Stock follows the prices",
        command_line(words),
        said,
        shown,
        "orders.html",
        stock_figures(urgent),
    )


def _true_margin(sold: ShopSales, prices: Mapping[str, float]) -> float:
    costs = sold.products.set_index("sku")["unit_cost"]
    units = sold.true_units(prices)
    return sum((price - costs[sku]) * units[sku] for sku, price in prices.items())


def command_line(words: Sequence[object]) -> str:
    """Return what a person types into a shell, quoted where it must be."""
    return shlex.join(["pricelm", *map(str, words)])
