"""pricelm optimize: the prices that earn most under the rules."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.actors import actor_name
from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import (
    DemandOption,
    JsonOption,
    ProductColumnOption,
    QueryOption,
    ReportOption,
    RulesOption,
    SeedOption,
    name_value_pairs,
)


class RiskName(StrEnum):
    """How uncertain demand is judged."""

    mean = "mean"
    quantile = "quantile"
    cvar = "cvar"


class FrontierName(StrEnum):
    """What margin is weighed against."""

    revenue = "revenue"
    units = "units"
    none = "none"


def optimize(
    products: Annotated[
        str,
        typer.Argument(
            metavar="PRODUCTS",
            help="Table (sku, price, unit_cost, units, own_price_elasticity, ...) or database address.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet.",
            show_default=False,
        ),
    ],
    rules: RulesOption = None,
    demand: DemandOption = None,
    cross: Annotated[
        str | None,
        typer.Option(
            metavar="CROSS", help="Table: sku, other_sku, cross_price_elasticity.", show_default="none"
        ),
    ] = None,
    objective: Annotated[
        str, typer.Option(help="margin, revenue, units, or weights such as margin=0.8,revenue=0.2.")
    ] = "margin",
    risk: Annotated[RiskName, typer.Option(help="How uncertain demand is judged.")] = RiskName.cvar,
    risk_level: Annotated[float, typer.Option(help="Share of bad cases for quantile and cvar.")] = 0.05,
    confidence: Annotated[
        float, typer.Option(help="Probability with which a new price has to earn more than the current one.")
    ] = 0.95,
    prices: Annotated[int, typer.Option(help="Prices to look at for each product.")] = 21,
    span: Annotated[float, typer.Option(help="How far from the current price to look, as a share.")] = 0.3,
    explore: Annotated[
        float, typer.Option(help="How far beyond the prices that demand is known for; marked 'test first'.")
    ] = 0.0,
    near_best: Annotated[
        float, typer.Option(help="Prices within this share of the best are as good; a current one is held.")
    ] = 0.01,
    frontier: Annotated[
        FrontierName, typer.Option(help="What margin is weighed against on the page.")
    ] = FrontierName.revenue,
    column: ProductColumnOption = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day that rules count from.", show_default="today"),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Gap to the best possible plan to stop at.")] = 1e-4,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Write the plan into this store, to be approved.", show_default="nowhere"
        ),
    ] = None,
    query: QueryOption = None,
    seed: SeedOption = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Propose the prices that earn most under the rules, with intervals, verdicts and reasons."""
    from pricelm.cli.console import TerminalProgress, print_json
    from pricelm.decisions.optimization.build import PlanConfig
    from pricelm.decisions.optimization.grids import GridConfig
    from pricelm.decisions.optimization.objective import Objective, Risk
    from pricelm.decisions.optimization.solve import SolverConfig
    from pricelm.services.optimizing import OptimizeRequest, optimize_prices

    plan = PlanConfig(
        Objective.parse(objective),
        Risk(risk.value, risk_level, confidence),
        GridConfig(prices, span, explore),
        near_best,
        seed,
    )
    request = OptimizeRequest(
        products,
        out,
        rules,
        demand,
        cross,
        report,
        query,
        name_value_pairs(column or []),
        today.date() if today else None,
        frontier.value,
        plan,
        SolverConfig(tolerance=tolerance, seed=seed),
        store,
        actor_name(),
    )
    with TerminalProgress() as progress:
        result = optimize_prices(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        from pricelm.cli.console import stdout_console
        from pricelm.cli.plan_view import plan_view

        stdout_console().print(plan_view(result))
    if result.plan.status == "infeasible":
        raise typer.Exit(ExitCode.RULES)
