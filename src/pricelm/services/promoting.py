"""Promotions: from a file of sales to what campaigns did, and to a calendar of the next ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.sales import read_sales
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand import SalesPanel, weekly_panel
from pricelm.decisions.promotion import (
    Calendar,
    CalendarLimits,
    CandidateConfig,
    PromotionConfig,
    PromotionStudy,
    candidates,
    measure_promotions,
    plan_calendar,
)
from pricelm.decisions.promotion.page import promotion_page
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import now_text

_FIRST_MONDAY = pd.Timestamp("1970-01-05")


@dataclass(frozen=True)
class PromoteRequest:
    """What `plan_promotions` is asked for.

    Parameters
    ----------
    sales : str or pathlib.Path
        File or database address of the sales.
    out : pathlib.Path
        Table of past campaigns to write: ``.csv``, ``.jsonl`` or ``.parquet``; the calendar and everything
        else go beside it as ``.json``.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column, where names do not tell.
    limits : CalendarLimits, optional
        Budget and weeks of the calendar; without it none is planned.
    next_campaigns : CandidateConfig
        What the next campaigns are like.
    config : PromotionConfig
        How the past ones are measured.
    report : pathlib.Path, optional
        HTML page to write.
    """

    sales: str | Path
    out: Path
    query: str | None = None
    columns: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    limits: CalendarLimits | None = None
    next_campaigns: CandidateConfig = field(default_factory=CandidateConfig)
    config: PromotionConfig = field(default_factory=PromotionConfig)
    report: Path | None = None


@dataclass(frozen=True)
class PromoteResult:
    """What was measured, planned and written.

    Parameters
    ----------
    study : PromotionStudy
        Past campaigns.
    calendar : Calendar or None
        The next ones.
    calendar_rows : list of dict
        The calendar with dates.
    first_week : datetime.date
        Monday of the first week of the calendar.
    currency : str
        ISO code, or ``""``.
    out, document : pathlib.Path
        The table, and everything in JSON.
    report : pathlib.Path or None
        The page.
    rejected : pathlib.Path or None
        Rows that could not be used.
    rejected_counts : dict of str to int
        Their number by reason.
    warnings : list of str
        What should be known of the data.
    """

    study: PromotionStudy
    calendar: Calendar | None
    calendar_rows: list[dict[str, Any]]
    first_week: date
    currency: str
    out: Path
    document: Path
    report: Path | None
    rejected: Path | None
    rejected_counts: dict[str, int]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        known = self.calendar
        totals = None if known is None else {"gain": known.gain, "spent": known.spent, "bound": known.bound}
        return {
            "out": str(self.out),
            "document": str(self.document),
            "report": str(self.report) if self.report else None,
            "campaigns": [one.row() for one in self.study.effects],
            "placebo_coverage": self.study.placebo_coverage,
            "settings": asdict(self.study.config),
            "calendar": self.calendar_rows,
            "calendar_totals": totals,
            "rejected": str(self.rejected) if self.rejected else None,
            "rejected_counts": self.rejected_counts,
            "warnings": self.warnings,
        }


def plan_promotions(request: PromoteRequest, progress: Progress = Silence()) -> PromoteResult:
    """Measure the campaigns of a file of sales, and plan the next ones.

    Parameters
    ----------
    request : PromoteRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    PromoteResult
        What was found and where it stands.

    Raises
    ------
    DataError
        If the sales cannot be used, or come by months.
    ConfigError
        If the table would overwrite the sales.
    OutputError
        If something cannot be written.
    """
    price_format(request.out)
    document = request.out.with_suffix(".json")
    outputs = [request.out, document, *([request.report] if request.report else [])]
    if Path(str(request.sales)).resolve() in [path.resolve() for path in outputs]:
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    progress.start("reading sales", 0)
    with RejectedRows(request.out) as rejected:
        checked = read_sales(request.sales, query=request.query, columns=request.columns)
        rejected.add(checked.rejected)
        panel = weekly_panel(checked)
        if round(panel.period_days) != 7:
            raise DataError("monthly sales: expected sales by days or weeks, in which campaigns can be seen")
        study = measure_promotions(panel, request.config, progress)
        calendar = None
        if request.limits is not None:
            calendar = plan_calendar(candidates(panel, study, request.next_campaigns), request.limits)
        result = PromoteResult(
            study,
            calendar,
            _calendar_rows(calendar, panel),
            date.fromisoformat(week_date(int(panel.rows["period"].max()) + 1)),
            panel.currency,
            request.out,
            document,
            request.report,
            rejected.path if rejected.counts else None,
            dict(rejected.counts),
            checked.warnings,
        )
        _write(result)
        if request.report is not None:
            _write_page(request, result)
    return result


def week_date(period: int) -> str:
    """Return the Monday of a period of a weekly panel.

    Examples
    --------
    >>> week_date(2817)
    '2024-01-01'
    """
    return str((_FIRST_MONDAY + pd.Timedelta(weeks=period)).date())


def _calendar_rows(calendar: Calendar | None, panel: SalesPanel) -> list[dict[str, Any]]:
    if calendar is None:
        return []
    first = int(panel.rows["period"].max()) + 1
    return [{"week": week_date(first + week), **asdict(one)} for week, one in calendar.campaigns]


def _write(result: PromoteResult) -> None:
    table = pd.DataFrame([one.row() for one in result.study.effects])
    for name in ("start", "end"):
        table[name] = table[name].map(week_date)
    texts = {"sku", "stores", "start", "end", "kinds", "controls", "refusal"}
    numeric = [name for name in table.columns if name not in texts]
    table[numeric] = table[numeric].astype(np.float64).round(4)
    with replaced_file(result.out) as draft:
        write_frame(table, draft, price_format(result.out))
    with replaced_file(result.document) as draft:
        stored = {"schema": 1, **result.to_dict()}
        draft.write_text(
            json.dumps(stored, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )


def _write_page(request: PromoteRequest, result: PromoteResult) -> None:
    planned = None
    if result.calendar is not None and request.limits is not None:
        planned = (result.calendar, request.limits, result.first_week)
    page = promotion_page(
        result.study,
        planned,
        Path(str(request.sales)).name,
        now_text(),
        currency=result.currency,
        week_date=week_date,
    )
    assert request.report is not None
    with replaced_file(request.report) as draft:
        draft.write_text(page, encoding="utf-8")
