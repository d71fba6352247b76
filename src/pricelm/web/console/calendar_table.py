"""The calendar of campaigns: products by weeks, each campaign a cell that says its price and discount."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pricelm.services.promotion_view import PlannedCampaign, PromotionPlan
from pricelm.web.console.formats import amount, share, signed
from pricelm.web.console.words import Words

_STYLE = """
table.calendar { border-collapse: separate; border-spacing: 0; font-size: .9rem; min-width: 100%; }
table.calendar th, table.calendar td { padding: 6px 8px; border-bottom: 1px solid var(--line);
  white-space: nowrap; text-align: left; vertical-align: middle; }
table.calendar thead th { color: var(--soft); font-weight: 600; }
table.calendar tbody th { position: sticky; left: 0; z-index: 1; background: var(--card); font-weight: 550;
  max-width: 220px; overflow: hidden; text-overflow: ellipsis; }
table.calendar thead th.week { white-space: normal; max-width: 72px; vertical-align: bottom; }
table.calendar td.week { border-left: 1px solid var(--line); min-width: 72px; padding: 3px; }
table.calendar .number { text-align: right; font-variant-numeric: tabular-nums; }
.campaign { display: block; border: 1.5px solid var(--accent); border-radius: 7px; padding: 3px 7px;
  line-height: 1.25; background: color-mix(in srgb, var(--accent) 12%, var(--card));
  font-variant-numeric: tabular-nums; }
.campaign .price { font-weight: 650; display: block; } .campaign .off { font-size: .82rem; display: block; }
@media (max-width: 700px) { table.calendar tbody th { max-width: 130px; }
  table.calendar .number { display: none; } }
@media print { .campaign { border-color: #000; background: none; }
  table.calendar tbody th { position: static; } }
"""


def calendar_table(plan: PromotionPlan, words: Words) -> None:
    """Build the calendar of a plan, the products in the order of their first campaign."""
    first: dict[str, list[PlannedCampaign]] = {}
    for one in plan.campaigns:
        first.setdefault(one.sku, []).append(one)
    caption = words("promotions.calendar")
    scroll = ui.element("div").props('tabindex="0" role="region"').classes("scroll")
    scroll._props["aria-label"] = caption
    with scroll, ui.element("table").classes("calendar"):
        with ui.element("thead"), ui.element("tr"):
            _head(words("column.title"))
            for key in ("promotions.gain", "promotions.spent"):
                _head(words(key), "number")
            for year, mondays in groupby(plan.mondays, key=lambda day: day.year):
                for place, monday in enumerate(mondays):
                    is_new = place == 0 and year != plan.mondays[0].year
                    _head(f"{monday:%Y %m-%d}" if is_new else f"{monday:%m-%d}", "week")
        with ui.element("tbody"):
            for campaigns in first.values():
                _row(plan, campaigns, words)


def add_calendar_style() -> None:
    """Give the page what the calendar looks like."""
    ui.add_head_html(f"<style>{_STYLE}</style>")


def _head(text: str, classes: str = "") -> None:
    TextElement(tag="th", text=text).props('scope="col"').classes(classes)


def _row(plan: PromotionPlan, campaigns: Sequence[PlannedCampaign], words: Words) -> None:
    one = campaigns[0]
    begins = {campaign.first: campaign for campaign in campaigns}
    with ui.element("tr"):
        name = TextElement(tag="th", text=one.title or one.sku).props('scope="row"')
        name._props["title"] = one.title or one.sku
        sums = (
            signed(sum(campaign.gain for campaign in campaigns), plan.currency, words),
            amount(sum(campaign.spent for campaign in campaigns), plan.currency, words),
        )
        for text in sums:
            TextElement(tag="td", text=text).classes("number")
        week = 0
        while week < len(plan.mondays):
            campaign = begins.get(week)
            cell = ui.element("td").classes("week")
            if campaign is not None:
                cell.props(f'colspan="{campaign.weeks}"')
                with cell, ui.element("span").classes("campaign"):
                    ui.label(amount(campaign.price, plan.currency, words)).classes("price")
                    ui.label(share(-campaign.depth)).classes("off")
            week += 1 if campaign is None else campaign.weeks
