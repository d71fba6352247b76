"""pricelm promote: what past campaigns did, and which to run next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import (
    JsonOption,
    LevelOption,
    QueryOption,
    ReportOption,
    SalesColumnOption,
    SeedOption,
)

_MOST_LINES = 20


def promote(
    sales: Annotated[
        str,
        typer.Argument(
            metavar="SALES",
            help="File of sales with promotion columns, or database address (with --query).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table of past campaigns: .csv, .jsonl or .parquet; all else goes beside it as .json.",
            show_default=False,
        ),
    ],
    budget: Annotated[
        float | None,
        typer.Option(
            help="Most that the next campaigns may spend, discounts included.", show_default="no calendar"
        ),
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, help="Weeks to plan.")] = 8,
    length: Annotated[int, typer.Option(min=1, max=8, help="Weeks of a campaign.")] = 1,
    campaign_cost: Annotated[
        float, typer.Option(min=0, help="Cost of a campaign beside its discount.")
    ] = 0.0,
    most_a_week: Annotated[int, typer.Option(min=1, help="Campaigns at once.")] = 5,
    most_of_a_category: Annotated[int, typer.Option(min=1, help="Campaigns of one category at once.")] = 1,
    gap_weeks: Annotated[int, typer.Option(min=0, help="Weeks between two campaigns of a product.")] = 4,
    column: SalesColumnOption = None,
    confidence_level: LevelOption = 0.9,
    query: QueryOption = None,
    seed: SeedOption = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure past campaigns against matched controls, and plan the next ones under a budget."""
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.demand_view import column_pairs
    from pricelm.cli.tables import counts_line, places_view
    from pricelm.decisions.promotion import CalendarLimits, CandidateConfig, PromotionConfig
    from pricelm.services.promoting import PromoteRequest, plan_promotions, week_date

    limits = None
    if budget is not None:
        limits = CalendarLimits(weeks, budget, most_a_week, most_of_a_category, gap_weeks)
    with TerminalProgress() as progress:
        request = PromoteRequest(
            sales,
            out,
            query,
            column_pairs(column or []),
            limits,
            CandidateConfig(length, campaign_cost),
            PromotionConfig(confidence_level=confidence_level, seed=seed),
            report,
        )
        result = plan_promotions(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    measured = [one for one in result.study.effects if one.uplift]
    measured.sort(key=lambda one: one.campaign.start, reverse=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("product", overflow="ellipsis", max_width=24)
    for name in ("week", "stores", "uplift", "interval", "units", "after", "category"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in measured[:_MOST_LINES]:
        effect = one.uplift
        assert effect is not None
        others = [
            f"{known.change:+.0%}" if known else "" for known in (one.pull_forward, one.cannibalization)
        ]
        table.add_row(
            Text(one.campaign.sku),
            week_date(one.campaign.start),
            str(len(one.campaign.stores)),
            Text(f"{effect.change:+.0%}", style="green" if effect.low > 0 else ""),
            f"{effect.low:+.0%} to {effect.high:+.0%}",
            f"{effect.actual - effect.baseline:+,.0f}",
            *others,
        )
    if len(measured) > _MOST_LINES:
        table.add_row(Text(f"and {len(measured) - _MOST_LINES:,} more", style="dim"))
    console = stdout_console()
    console.print()
    console.print(table)
    refused = len(result.study.effects) - len(measured)
    console.print(f"\n{len(measured):,} campaigns measured, {refused:,} refused.")
    if "uplift" in result.study.placebo_coverage:
        held = result.study.placebo_coverage["uplift"]
        console.print(
            f"Placebo intervals held 0 in {held:.0%} of the cases ({confidence_level:.0%} promised)."
        )
    if result.calendar is not None:
        plan = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        plan.add_column("week")
        plan.add_column("product", overflow="ellipsis", max_width=24)
        for name in ("price", "extra units", "gain", "of the budget"):
            plan.add_column(name, justify="right")
        for row in result.calendar_rows:
            numbers = (f"{row['price']:,.2f}", f"{row['extra_units']:,.0f}", f"{row['gain']:,.0f}")
            plan.add_row(row["week"], Text(row["sku"]), *numbers, f"{row['spent']:,.0f}")
        console.print()
        if result.calendar_rows:
            console.print(plan)
        console.print(
            f"{len(result.calendar_rows):,} campaigns planned: gain {result.calendar.gain:,.0f}, "
            f"spent {result.calendar.spent:,.0f}."
        )
    for warning in result.warnings:
        console.print(Text(warning, style="yellow"))
    if result.rejected_counts:
        console.print(counts_line(result.rejected_counts))
    console.print()
    places = {"table": result.out, "details": result.document, "report": result.report}
    console.print(places_view({**places, "rejected": result.rejected}))
