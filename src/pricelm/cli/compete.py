"""pricelm compete: rivals' products, prices, answers and wars."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import JsonOption, SeedOption, name_value_pairs

compete = typer.Typer(
    no_args_is_help=True, help="Match rivals' products, compare prices, answer, keep watch."
)


class TakeName(StrEnum):
    """What counts as the competitor price."""

    typical = "typical"
    lowest = "lowest"


class RivalsName(StrEnum):
    """What rivals do."""

    answer = "answer"
    hold = "hold"
    follow = "follow"


def _table(help: str, metavar: str) -> typer.models.ArgumentInfo:
    found: typer.models.ArgumentInfo = typer.Argument(metavar=metavar, help=help, show_default=False)
    return found


OutOption = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Table to write: .csv, .jsonl or .parquet.", show_default=False
    ),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="ROLE=COLUMN", help="Column of a role; may be repeated.", show_default=False
    ),
]
MatchesOption = Annotated[
    str | None,
    typer.Option(metavar="MATCHES", help="What `compete match` wrote.", show_default="all use the same skus"),
]
TodayOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The day that ages count from.", show_default="today"),
]
OutsideOption = Annotated[
    float, typer.Option(help="Share of the customers that buy from none of the sellers.")
]


@compete.command()
def match(
    own: Annotated[str, _table("Own products: sku, title, and brand, model where there are.", "OWN")],
    theirs: Annotated[str, _table("A rival's products, the same columns.", "THEIRS")],
    out: OutOption,
    labels: Annotated[
        str | None,
        typer.Option(metavar="PAIRS", help="Pairs: own_sku, their_sku, match (1 or 0).", show_default="none"),
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(help="Confidence of a match.", show_default="the one with the best F1")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|BACKBONE",
            help="Text vectors to weigh too: an exported model, or a backbone such as minilm.",
            show_default="none",
        ),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Candidates a product.")] = 15,
    column: ColumnOption = None,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Find which of a rival's products are which of the own ones; no price is looked at."""
    from pricelm.cli.compete_view import match_view
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.decisions.competition import BlockingConfig
    from pricelm.services.matching_products import MatchRequest, encoder_of, match_products

    request = MatchRequest(
        own,
        theirs,
        out,
        labels,
        min_confidence,
        name_value_pairs(column or []),
        BlockingConfig(candidates),
        seed,
    )
    with TerminalProgress() as progress:
        result = match_products(request, encoder_of(encoder) if encoder else None, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(match_view(result))


@compete.command()
def index(
    products: Annotated[str, _table("Own products: sku, price, and units, category.", "PRODUCTS")],
    observations: Annotated[str, _table("Observed prices: sku, seller, price, observed_at.", "OBSERVATIONS")],
    out: OutOption,
    matches: MatchesOption = None,
    seller: Annotated[
        str | None, typer.Option(help="Own shop's name among the observations.", show_default="not there")
    ] = None,
    take: Annotated[
        TakeName, typer.Option(help="The competitor price: typical or lowest.")
    ] = TakeName.typical,
    max_age: Annotated[float, typer.Option(help="Days after which a price stops counting.")] = 28.0,
    half_life: Annotated[float, typer.Option(help="Days after which a price counts half.")] = 7.0,
    min_confidence: Annotated[float, typer.Option(help="Confidence from which a match counts.")] = 0.5,
    today: TodayOption = None,
    column: ColumnOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare own prices with competitors' and write a table for `pricelm optimize`."""
    from pricelm.cli.compete_view import index_view
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.decisions.competition import IndexConfig
    from pricelm.services.competing import IndexRequest, compare_prices

    request = IndexRequest(
        products, observations, out, matches, seller, today.date() if today else None,
        name_value_pairs(column or []), IndexConfig(max_age, half_life, min_confidence, take.value),
    )  # fmt: skip
    with TerminalProgress() as progress:
        result = compare_prices(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(index_view(result))


@compete.command()
def respond(
    market: Annotated[
        str, _table("All sellers' products: sku, seller, price, units, and unit_cost where known.", "MARKET")
    ],
    out: OutOption,
    seller: Annotated[str, typer.Option(help="Own shop's name in MARKET.", show_default=False)],
    rivals: Annotated[
        RivalsName,
        typer.Option(help="What rivals do: answer (equilibrium), hold, or follow us (Stackelberg)."),
    ] = RivalsName.answer,
    elasticity: Annotated[
        float | None,
        typer.Option(
            help="Own price elasticity of a typical product.", show_default="column own_price_elasticity"
        ),
    ] = None,
    outside_share: OutsideOption = 0.5,
    column: ColumnOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compute the best prices when rivals answer, hold, or follow."""
    from pricelm.cli.compete_view import respond_view
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.services.responding import RespondRequest, respond_to_rivals

    request = RespondRequest(
        market, seller, out, rivals.value, elasticity, outside_share, name_value_pairs(column or [])
    )
    with TerminalProgress() as progress:
        result = respond_to_rivals(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(respond_view(result, seller))


@compete.command()
def radar(
    observations: Annotated[
        str, _table("Observed prices, own ones too: sku, seller, price, observed_at.", "OBSERVATIONS")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Table to write.", show_default="none"),
    ] = None,
    seller: Annotated[
        str | None, typer.Option(help="Own shop's name among the observations.", show_default="none")
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(
            metavar="PRODUCTS",
            help="Own products with unit_cost and own_price_elasticity, for resting prices.",
            show_default="none",
        ),
    ] = None,
    matches: MatchesOption = None,
    undercuts: Annotated[int, typer.Option(help="Undercuts in turn that make a war.")] = 4,
    largest_step: Annotated[
        float, typer.Option(help="Largest undercut that is an answer, as a share.")
    ] = 0.1,
    pause: Annotated[float, typer.Option(help="Days without a move that end a war.")] = 14.0,
    outside_share: OutsideOption = 0.5,
    today: TodayOption = None,
    column: ColumnOption = None,
    json_output: JsonOption = False,
) -> None:
    """Find price wars, where they will come to rest, and signs of collusion."""
    from pricelm.cli.compete_view import radar_view
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.decisions.competition import RadarConfig
    from pricelm.services.watching_rivals import RadarRequest, watch_rivals

    request = RadarRequest(
        observations, seller, products, matches, out, today.date() if today else None, outside_share,
        columns=name_value_pairs(column or []), config=RadarConfig(undercuts, largest_step, pause),
    )  # fmt: skip
    with TerminalProgress() as progress:
        result = watch_rivals(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(radar_view(result))
