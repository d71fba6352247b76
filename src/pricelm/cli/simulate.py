"""pricelm simulate: rehearse pricing policies, design price tests, and judge a policy by a log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import JsonOption, LevelOption, QueryOption, RulesOption, SeedOption

simulate = typer.Typer(
    no_args_is_help=True,
    help="Rehearse pricing policies in markets, design price tests, judge a policy by the log of another.",
)

SalesOption = Annotated[
    str | None,
    typer.Option(
        metavar="SALES",
        help="File of sales (sku, date, price, units, unit_cost, ...) or database address (with --query).",
        show_default="a made-up product",
    ),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=COLUMN",
        help="Column of a role in SALES; may be repeated.",
        show_default=False,
    ),
]


class DesignName(StrEnum):
    """Who sees which price when."""

    switchback = "switchback"
    cluster = "cluster"
    user = "user"


@simulate.command()
def matrix(
    market: Annotated[
        list[str] | None,
        typer.Option(help="Kind of market; may be repeated.", show_default="all"),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Policy; may be repeated.", show_default="all")
    ] = None,
    days: Annotated[int, typer.Option(help="Length of a rehearsal.")] = 365,
    replications: Annotated[int, typer.Option(min=2, max=10_000, help="Markets of each kind.")] = 20,
    rules: RulesOption = None,
    sales: SalesOption = None,
    products: Annotated[int, typer.Option(min=1, max=50, help="How many of the best sellers of SALES.")] = 3,
    cool_down: Annotated[int, typer.Option(help="Least days between two changes of a price.")] = 3,
    max_moves: Annotated[
        int | None,
        typer.Option(help="Most prices of the shop that may change on a day.", show_default="no limit"),
    ] = None,
    exploration: Annotated[
        float, typer.Option(help="Share of the days on which a learner asks any allowed price.")
    ] = 0.02,
    memory: Annotated[
        float, typer.Option(help="What a learner keeps of yesterday's evidence; 1 forgets nothing.")
    ] = 0.98,
    noise: Annotated[
        float, typer.Option(help="How much days differ beyond chance, as a share of the units.")
    ] = 0.2,
    column: ColumnOption = None,
    query: QueryOption = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="LOG",
            help="Where to write the decisions of the one policy in the one market: .csv, .jsonl, .parquet.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE.json", help="Where to write the matrix.", show_default=False
        ),
    ] = None,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Show what each policy loses against the best fixed price, in each kind of market, inside the rules."""
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.demand_view import column_pairs
    from pricelm.cli.simulate_view import matrix_view
    from pricelm.decisions.dynamic import GuardConfig, MarketConfig, PolicyConfig, RehearsalConfig
    from pricelm.services.simulating import SimulateRequest, simulate_policies

    request = SimulateRequest(
        policy or [],
        market or [],
        rules,
        sales,
        query,
        column_pairs(column or []),
        products,
        out,
        log,
        GuardConfig(cool_down, max_moves),
        PolicyConfig(exploration, memory, noise=noise),
        RehearsalConfig(replications, MarketConfig(days, noise), seed),
    )
    with TerminalProgress() as progress:
        result = simulate_policies(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    stdout_console().print(matrix_view(result))


@simulate.command("test-design")
def test_design(
    design: Annotated[DesignName, typer.Option(help="Who sees which price when.")] = DesignName.switchback,
    effect: Annotated[float, typer.Option(help="Relative change of units to find, for example 0.1.")] = 0.1,
    power: Annotated[float, typer.Option(help="Chance to find it.")] = 0.8,
    days: Annotated[
        int | None, typer.Option(help="Length of the test.", show_default="the shortest that has the power")
    ] = None,
    block_days: Annotated[int, typer.Option(help="Switchback: days that a price stays.")] = 7,
    washout_days: Annotated[int, typer.Option(help="Switchback: days after a change that do not count.")] = 1,
    clusters: Annotated[int, typer.Option(help="Cluster test: stores or regions in it.")] = 20,
    significance: Annotated[float, typer.Option(help="Chance of a false alarm, two-sided.")] = 0.05,
    daily_noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation of daily log units.", show_default="from SALES, else 0.25"),
    ] = None,
    autocorrelation: Annotated[
        float | None, typer.Option(help="Of one day with the next.", show_default="from SALES, else 0")
    ] = None,
    cluster_noise: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of log units between clusters.", show_default="from SALES, else 0.1"
        ),
    ] = None,
    sales: Annotated[
        str | None,
        typer.Option(
            metavar="SALES", help="Sales to measure the noise of a product in.", show_default="none"
        ),
    ] = None,
    sku: Annotated[str | None, typer.Option(help="Product of SALES.", show_default="the best seller")] = None,
    column: ColumnOption = None,
    query: QueryOption = None,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Say how long a price test must run, and check that by simulating it."""
    from dataclasses import replace

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.cli.demand_view import column_pairs
    from pricelm.cli.simulate_view import design_view
    from pricelm.decisions.dynamic.price_tests import (
        TrialNoise,
        TrialPlan,
        shortest_test,
        simulated_power,
        trial_power,
    )
    from pricelm.services.simulating import noise_of_sales

    plan = TrialPlan(design.value, days or 728, block_days, washout_days, clusters, significance)
    noise = TrialNoise(0.25, 0.0, 0.1)
    if sales is not None:
        noise = noise_of_sales(sales, query=query, columns=column_pairs(column or []), sku=sku)
    given = {"daily": daily_noise, "autocorrelation": autocorrelation, "between": cluster_noise}
    noise = replace(noise, **{name: value for name, value in given.items() if value is not None})
    found = trial_power(plan, noise, effect) if days else shortest_test(plan, noise, effect, power)
    simulated = simulated_power(found.plan, noise, effect, runs=1000, seed=seed)
    if json_output:
        print_json({**found.to_dict(), "simulated_power": simulated, "noise": vars(noise)})
    else:
        stdout_console().print(design_view(found, noise, simulated))


@simulate.command("off-policy")
def off_policy(
    log: Annotated[
        str,
        typer.Argument(
            metavar="LOG",
            help="Table of decisions, as `simulate matrix --log` writes it.",
            show_default=False,
        ),
    ],
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SKU=]PRICE",
            help="Judge this price, for one product or for all; may be repeated.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Judge this policy: it learns from the first days and is judged by the rest.",
            show_default=False,
        ),
    ] = None,
    learn_share: Annotated[float, typer.Option(help="Share of the days that --policy learns from.")] = 0.5,
    confidence_level: LevelOption = 0.95,
    least_effective: Annotated[
        float, typer.Option(help="Fewest decisions, after weighting, that an answer may rest on.")
    ] = 50.0,
    json_output: JsonOption = False,
) -> None:
    """Say what another policy would earn, from the log of the one that was at work."""
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.cli.simulate_view import off_policy_view, target_prices
    from pricelm.decisions.dynamic.off_policy import OffPolicyConfig
    from pricelm.services.simulating import OffPolicyRequest, judge_from_log

    config = OffPolicyConfig(confidence_level, least_effective)
    request = OffPolicyRequest(log, target_prices(price or []), policy, learn_share, config)
    result = judge_from_log(request)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(off_policy_view(result, confidence_level))
