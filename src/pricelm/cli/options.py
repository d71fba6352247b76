"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.core.errors import ConfigError

_MANY = ("text", "numeric", "categorical", "ignore")


class PresetName(StrEnum):
    """The dial for time against accuracy."""

    fast = "fast"
    balanced = "balanced"
    best = "best"


class TrackerName(StrEnum):
    """What draws a training as it goes."""

    tensorboard = "tensorboard"
    wandb = "wandb"


class EngineName(StrEnum):
    """Where work is done."""

    local = "local"
    ray = "ray"


ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Folder of a trained model.", show_default=False)
]
ListingsArgument = Annotated[
    str,
    typer.Argument(
        metavar="LISTINGS",
        help="File (.csv .tsv .jsonl .parquet .xlsx; text also .gz) or database address (with --query).",
        show_default=False,
    ),
]
QueryOption = Annotated[
    str | None, typer.Option(help="SQL query, when LISTINGS is a database address.", show_default=False)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Database of prices, decisions, models and keys.",
        show_default="sqlite:///pricelm.db",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
PresetOption = Annotated[PresetName, typer.Option(help="Time against accuracy.")]
EngineOption = Annotated[
    EngineName, typer.Option(help="Where to compute: here, or on the machines of a Ray cluster.")
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images",
        metavar="FOLDER",
        help="Folder of the pictures; none outside it is read.",
        show_default="that of the listings",
    ),
]
ReportOption = Annotated[
    Path | None, typer.Option(metavar="FILE.html", help="Where to write the report.", show_default=False)
]

SalesColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="ROLE=COLUMN", help="Column of a role; may be repeated.", show_default=False
    ),
]
LevelOption = Annotated[float, typer.Option(help="Of the intervals.")]
PriceColumnOption = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of the prices.")]
TextColumnsOption = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN,COLUMN", help="Columns of text.", show_default=False)
]
DateColumnOption = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column of the dates; the test listings are the latest ones."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ROLE=COLUMN",
        help="Another role (brand, category, ...) or kind (numeric, categorical, ignore); repeatable.",
        show_default=False,
    ),
]
CurrencyOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Currency of the prices where the data does not say it."),
]
KeepLeaksOption = Annotated[
    bool, typer.Option("--keep-leaks", help="Learn from columns that nearly equal the price.")
]
SalesArgument = Annotated[
    str,
    typer.Argument(
        metavar="SALES",
        help="File of sales (sku, date, price, units, ...) or database address (with --query).",
        show_default=False,
    ),
]
TableOption = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Table to write: .csv, .jsonl or .parquet; everything else goes beside it as .json.",
        show_default=False,
    ),
]
DemandOption = Annotated[
    str | None,
    typer.Option(
        metavar="DEMAND", help="Table that `pricelm demand` wrote.", show_default="columns of PRODUCTS"
    ),
]
ProductColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=COLUMN",
        help="Column of a standard name; may be repeated.",
        show_default=False,
    ),
]
RulesOption = Annotated[
    Path | None, typer.Option(metavar="RULES.yaml", help="File of rules.", show_default="none")
]
BackboneOption = Annotated[
    str | None,
    typer.Option(help="Pretrained model: alias, folder or hub id.", show_default="minilm"),
]
ListingIdOption = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="Column of the identifiers.")
]


def column_roles(
    named: dict[str, str | None], texts: Sequence[str], pairs: Sequence[str]
) -> dict[str, str | list[str]]:
    """Read which column has which role.

    Parameters
    ----------
    named : dict of str to str or None
        Role to column, from options of their own; None where the option was not given.
    texts : sequence of str
        Columns of text, each entry one name or several with commas.
    pairs : sequence of str
        ``"role=column"``.

    Returns
    -------
    dict
        Role to column, and kind to columns, as ``infer_columns`` takes them.

    Raises
    ------
    ConfigError
        If a pair has no ``=``, or a role is given twice.

    Examples
    --------
    >>> column_roles({"price": "cost", "listing_id": None}, ["name,details"], ["brand=maker"])
    {'price': 'cost', 'text': ['name', 'details'], 'brand': 'maker'}
    """
    roles: dict[str, str | list[str]] = {role: column for role, column in named.items() if column}
    many = [name.strip() for entry in texts for name in entry.split(",") if name.strip()]
    if many:
        roles["text"] = many
    for pair in pairs:
        role, sign, column = pair.partition("=")
        role, column = role.strip(), column.strip()
        if not (role and sign and column):
            raise ConfigError(f"expected --column ROLE=COLUMN, for example brand=maker, got {pair!r}")
        if role in _MANY:
            columns = roles.setdefault(role, [])
            assert isinstance(columns, list)
            columns.append(column)
        elif roles.setdefault(role, column) != column:
            raise ConfigError(
                f"the role {role!r} is given to {roles[role]!r} and to {column!r}; give it to one"
            )
    return roles


def name_value_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``name=value`` pairs.

    Raises
    ------
    ConfigError
        If one has no ``=``.

    Examples
    --------
    >>> name_value_pairs(["color=red", "note=a=b"])
    {'color': 'red', 'note': 'a=b'}
    """
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name.strip() and sign):
            raise ConfigError(f"expected --set NAME=VALUE, for example color=red, got {pair!r}")
        found[name.strip()] = value
    return found
