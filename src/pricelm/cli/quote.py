"""pricelm quote: everything about the price of one listing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pricelm.cli.options import JsonOption, ModelArgument, name_value_pairs


def quote(
    model: ModelArgument,
    title: Annotated[str | None, typer.Option(help="Title of the listing.", show_default=False)] = None,
    brand: Annotated[str | None, typer.Option(help="Its brand.", show_default=False)] = None,
    category: Annotated[
        str | None, typer.Option(help="Its category, such as a/b/c.", show_default=False)
    ] = None,
    description: Annotated[str | None, typer.Option(help="Its description.", show_default=False)] = None,
    condition: Annotated[str | None, typer.Option(help="Its condition.", show_default=False)] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other column of the model; repeatable.",
            show_default=False,
        ),
    ] = None,
    listing: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="One JSON object with the same facts.", show_default=False),
    ] = None,
    explain: Annotated[bool, typer.Option(help="Find the words that moved the price.")] = True,
    comparables: Annotated[int, typer.Option(min=0, help="Similar known listings to show.")] = 3,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of its picture; none outside it is read.",
            show_default="the working directory",
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Price one listing: interval, similar known listings, and the words that moved the price."""
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import quote_view
    from pricelm.services.quoting import QuoteRequest, facts_from_json, quote_listing

    said = {
        "title": title,
        "brand": brand,
        "category": category,
        "description": description,
        "condition": condition,
    }
    facts: dict[str, Any] = facts_from_json(listing) if listing is not None else {}
    facts |= {role: value for role, value in said.items() if value is not None}
    facts |= name_value_pairs(attribute or [])
    with TerminalProgress() as progress:
        request = QuoteRequest(model, facts, explain=explain, comparables=comparables, image_root=images)
        result = quote_listing(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        stdout_console().print(quote_view(str(next(iter(facts.values()))), result))
