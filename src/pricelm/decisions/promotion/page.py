"""The promotion page: the calendar of the next campaigns as a chart, and what the past ones did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from pricelm.decisions.charts import Run, calendar_chart, figure
from pricelm.decisions.promotion.calendar import Calendar, CalendarLimits
from pricelm.decisions.promotion.measure import CampaignEffect, Effect, PromotionStudy
from pricelm.evaluation.axes import Scale
from pricelm.evaluation.bootstrap import Estimate
from pricelm.evaluation.markup import Markup, Node, element, user_text
from pricelm.evaluation.report import html_page
from pricelm.evaluation.strips import interval_strip, scale_strip, strip_scale
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import percent_text, price_text, signed_price_text

_MOST_LINES = 300
_WIDEST = 4.0


def promotion_page(
    study: PromotionStudy,
    calendar: tuple[Calendar, CalendarLimits, date] | None,
    title: str,
    created_at: str,
    *,
    currency: str = "",
    week_date: Callable[[int], str] = str,
) -> str:
    """Return past and next campaigns as one self-contained HTML page.

    Parameters
    ----------
    study : PromotionStudy
        The past campaigns.
    calendar : tuple of Calendar, CalendarLimits and datetime.date, optional
        The next ones, what they had to keep, and the Monday of the first week.
    title : str
        For example the name of the file of sales.
    created_at : str
        Date and time, readable.
    currency : str, default ""
        ISO code.
    week_date : callable, default str
        From a period of the study to the date to be shown.

    Returns
    -------
    str
        A whole HTML document; what a shop wrote is escaped.
    """
    measured = [one for one in study.effects if one.uplift]
    measured.sort(key=lambda one: -one.campaign.start)
    facts = [f"{len(measured):,} campaigns measured", currency, created_at]
    masthead = [element("b", "pricelm"), [element("span", fact) for fact in facts if fact]]
    return html_page(
        f"{title}: promotions",
        element(
            "header",
            element("p", masthead, class_="masthead"),
            element("h1", user_text(f"Promotions: {title}")),
            element("p", _headline(study, measured, calendar, currency), class_="headline"),
        ),
        element(
            "main",
            _calendar_section(calendar, currency) if calendar else None,
            _past_section(study, measured, week_date),
            id="main",
        ),
        element("footer", element("p", "Made by pricelm. docs/promotion.md says what each number means.")),
    )


def calendar_figure(calendar: Calendar, limits: CalendarLimits, first: date, currency: str = "") -> Markup:
    """Return the chart of a calendar, which starts in the week of ``first``."""
    weeks = [str(first + timedelta(weeks=number)) for number in range(limits.weeks)]
    runs = [
        Run(one.sku, week, one.length, f"{one.gain:+,.0f}".replace("-", "−"))
        for week, one in calendar.campaigns
    ]
    text = (
        f"{len(runs):,} campaigns; each says what it is expected to gain. Together "
        f"{signed_price_text(calendar.gain, currency)} for {price_text(calendar.spent, currency)} of a "
        f"budget of "
        f"{price_text(limits.budget, currency)}; no calendar gains more than "
        f"{signed_price_text(calendar.bound, currency)}."
    )
    return figure("Calendar", calendar_chart(runs, weeks), text)


def _headline(
    study: PromotionStudy,
    measured: Sequence[CampaignEffect],
    calendar: tuple[Calendar, CalendarLimits, date] | None,
    currency: str,
) -> str:
    clear = sum(one.uplift.low > 0 for one in measured if one.uplift)
    past = f"{clear:,} of {len(measured):,} campaigns clearly sold more."
    if calendar is None:
        return past
    found = calendar[0]
    if not found.campaigns:
        return f"{past} None that was tried is worth running again."
    return f"{past} The next {len(found.campaigns):,} gain {signed_price_text(found.gain, currency)}."


def _calendar_section(calendar: tuple[Calendar, CalendarLimits, date], currency: str) -> Markup:
    found, limits, first = calendar
    if not found.campaigns:
        lead = "No campaign that was measured earns more than it costs within the limits."
        return element("section", element("h2", "Next campaigns"), element("p", lead, class_="empty"))
    rows: list[list[Node]] = [
        [
            str(first + timedelta(weeks=week)),
            user_text(one.sku),
            price_text(one.price, currency),
            f"{one.extra_units:,.0f}",
            signed_price_text(one.gain, currency),
            price_text(one.spent, currency),
        ]
        for week, one in found.campaigns
    ]
    titles = ("Price", "Extra units", "Gain", "Of the budget")
    columns = [Column("Week"), Column("Product"), *(Column(title, "number") for title in titles)]
    lead = (
        "The campaigns that earn most within the budget, chosen together by an integer program. The gain is "
        "after the margin that would have been earned anyway, and after purchases that are only "
        "brought forward."
    )
    return element(
        "section",
        element("h2", "Next campaigns"),
        element("p", lead, class_="lead"),
        element("div", calendar_figure(found, limits, first, currency), class_="figures"),
        data_table("Week by week", columns, rows, class_="wide"),
    )


def _past_section(
    study: PromotionStudy, measured: Sequence[CampaignEffect], week_date: Callable[[int], str]
) -> Markup:
    level = percent_text(study.config.confidence_level, 0)
    held = study.placebo_coverage.get("uplift")
    test = "" if held is None else f" Where nothing ran, {percent_text(held, 0)} of them hold 0."
    lead = f"Change of sales against matched controls, with {level} intervals set by placebos.{test}"
    ends = [min(max(one.uplift.high, 0.1), _WIDEST) for one in measured if one.uplift]
    scale = strip_scale(-0.5, max(ends, default=1.0))
    rows = [_past_row(one, scale, week_date) for one in measured[:_MOST_LINES]]
    refused = len(study.effects) - len(measured)
    left = len(measured) - len(rows)
    notes = [f"{left:,} more are in the table." if left else "", f"{refused:,} refused." if refused else ""]
    columns = [
        Column("Week"),
        Column("Product"),
        Column("Uplift", "chart", head=scale_strip(scale, "Scale of the uplift")),
        *(Column(title, "number") for title in ("Uplift", "Units", "Weeks after", "Category")),
    ]
    return element(
        "section",
        element("h2", "Past campaigns"),
        element("p", lead, class_="lead"),
        data_table("What campaigns did, the latest first", columns, rows, class_="wide"),
        element("p", " ".join(filter(None, notes)), class_="lead") if any(notes) else None,
    )


def _past_row(one: CampaignEffect, scale: Scale, week_date: Callable[[int], str]) -> list[Node]:
    effect = one.uplift
    assert effect is not None
    sku = one.campaign.sku
    between = f"{_share(effect.low)} to {_share(effect.high)}"
    estimate = Estimate(effect.change, effect.low, effect.high)
    drawn = interval_strip(estimate, scale, f"{sku}: {_share(effect.change)}, {between}", mark=0.0)
    others = [_change(known) for known in (one.pull_forward, one.cannibalization)]
    numbers = [element("b", _share(effect.change)), f"{effect.actual - effect.baseline:+,.0f}"]
    return [week_date(one.campaign.start), user_text(sku), drawn, *numbers, *others]


def _change(effect: Effect | None) -> str:
    return "" if effect is None else _share(effect.change)


def _share(value: float) -> str:
    return f"{value:+.0%}".replace("-", "−")
