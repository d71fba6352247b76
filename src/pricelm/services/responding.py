"""Responding: the prices that answer the rivals', and what is earned when they answer in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.competition import (
    LogitMarket,
    bertrand,
    best_response,
    sensitivity_from_elasticity,
    stackelberg,
)
from pricelm.services.competing import write_document
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame

RIVALS = ("hold", "answer", "follow")
MARKET_ROLES = ("sku", "seller", "price", "units", "unit_cost", "own_price_elasticity")
_NEEDED = MARKET_ROLES[:4]
MOST_PRODUCTS = 100_000


@dataclass(frozen=True)
class RespondRequest:
    """What `respond_to_rivals` is asked for.

    Parameters
    ----------
    market : str or pathlib.Path
        A row a product of a seller: sku, seller, price, units, and unit_cost and own_price_elasticity where
        known.
    seller : str
        The own shop, as it is called there.
    out : pathlib.Path
        Table to write.
    rivals : {"answer", "hold", "follow"}
        Whether rivals come to the equilibrium with us, hold their prices, or answer what we commit to first.
    elasticity : float, optional
        Own price elasticity of a typical product, where the table has none.
    outside_share : float, default 0.5
        Share of the customers that buy from none of the sellers.
    columns : mapping, optional
        Role to column.
    """

    market: str | Path
    seller: str
    out: Path
    rivals: str = "answer"
    elasticity: float | None = None
    outside_share: float = 0.5
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RespondResult:
    """Prices that answer each other.

    Parameters
    ----------
    products : pandas.DataFrame
        sku, seller, price, new_price, unit_cost, cost_source, units, new_units.
    profits : dict of str to tuple
        Seller to profit now and at the new prices, in currency a period.
    if_rivals_hold : float
        Own profit at the new own prices if the rivals held theirs.
    rivals : str
        What was assumed of them.
    price_sensitivity : float
        Utility of a unit of currency.
    by_outside_share : dict of float to float
        Mean change of own prices under other assumptions about those who buy nothing.
    out, document : pathlib.Path
        What was written.
    """

    products: pd.DataFrame
    profits: dict[str, tuple[float, float]]
    if_rivals_hold: float
    rivals: str
    price_sensitivity: float
    by_outside_share: dict[float, float]
    out: Path
    document: Path

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out),
            "document": str(self.document),
            "rivals": self.rivals,
            "products": self.products.to_dict("records"),
            "profits": {name: {"now": now, "new": new} for name, (now, new) in self.profits.items()},
            "if_rivals_hold": self.if_rivals_hold,
            "price_sensitivity": self.price_sensitivity,
            "by_outside_share": {str(share): change for share, change in self.by_outside_share.items()},
        }


def respond_to_rivals(request: RespondRequest, progress: Progress = Silence()) -> RespondResult:
    """Compute best prices against rivals under logit demand.

    Parameters
    ----------
    request : RespondRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    RespondResult
        New prices of all, and profits.

    Raises
    ------
    DataError
        If the market cannot be used: a price or units of zero, ``one seller only``, duplicates.
    ConfigError
        If an option is out of range.
    """
    form = price_format(request.out)
    document = request.out.with_suffix(".json")
    if request.rivals not in RIVALS:
        raise ConfigError(f"expected rivals that {', '.join(RIVALS)}, got {request.rivals!r}")
    if not 0 < request.outside_share < 1:
        raise ConfigError(f"expected an outside share between 0 and 1, got {request.outside_share:g}")
    if Path(str(request.market)).resolve() in (request.out.resolve(), document.resolve()):
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    progress.start("answering rivals", 0)
    table = _read_market(request)
    market, size = _market(table, request, request.outside_share)
    prices = table["price"].to_numpy()
    new = _answer(market, prices, request)
    before, after = market.profits(prices), market.profits(new)
    mine = (table["seller"] == request.seller).to_numpy()
    alone = market.profits(np.where(mine, new, prices))[request.seller] * size
    made = table[["sku", "seller", "price"]].assign(
        new_price=new.round(4),
        unit_cost=market.cost.round(4),
        cost_source=np.where(table["unit_cost"].isna(), "implied by the price", "given"),
        units=table["units"],
        new_units=(market.shares(new) * size).round(2),
    )
    shares = sorted({0.25, request.outside_share, 0.75})
    changes = {
        share: float(
            np.mean(_answer(_market(table, request, share)[0], prices, request)[mine] / prices[mine] - 1)
        )
        for share in shares
    }
    profits = {name: (before[name] * size, after[name] * size) for name in before}
    result = RespondResult(
        made, profits, alone, request.rivals, market.price_sensitivity, changes, request.out, document
    )
    with replaced_file(request.out) as draft:
        write_frame(made, draft, form)
    write_document(document, result.to_dict())
    return result


def _answer(market: LogitMarket, prices: np.ndarray, request: RespondRequest) -> np.ndarray:
    if request.rivals == "hold":
        return best_response(market, prices, request.seller)
    if request.rivals == "follow":
        return stackelberg(market, request.seller).prices
    return bertrand(market).prices


def _market(table: pd.DataFrame, request: RespondRequest, outside_share: float) -> tuple[LogitMarket, float]:
    units = table["units"].to_numpy()
    size = float(units.sum() / (1 - outside_share))
    shares, prices = units / size, table["price"].to_numpy()
    elasticities = table["own_price_elasticity"].to_numpy(dtype=np.float64)
    if request.elasticity is not None:
        elasticities = np.full(len(table), request.elasticity)
    sensitivity = sensitivity_from_elasticity(prices, shares, elasticities)
    market = LogitMarket.seen(
        prices, shares, table["seller"].to_numpy(dtype=str), sensitivity, table["unit_cost"].to_numpy()
    )
    if (market.cost < 0).any():
        worst = int(np.argmin(market.cost))
        raise DataError(
            f"inconsistent demand: at this elasticity the price of {table['sku'].iloc[worst]!r} implies a "
            "cost below 0. Give its unit_cost, or check elasticity and outside share"
        )
    return market, size


def _read_market(request: RespondRequest) -> pd.DataFrame:
    frame = read_listings(request.market)
    source, have = str(request.market), [str(name) for name in frame.columns]
    if len(frame) > MOST_PRODUCTS:
        raise DataError(f"{source}: expected at most {MOST_PRODUCTS:,} products, got {len(frame):,}")
    for role, column in request.columns.items():
        if role not in MARKET_ROLES or column not in have:
            raise ConfigError(
                f"expected ROLE=COLUMN with a role of {', '.join(MARKET_ROLES)} and a column of the table, "
                f"got {role}={column}"
            )
    by_name = {normalized_name(name): name for name in reversed(have)}
    named = {role: request.columns.get(role, by_name.get(role)) for role in MARKET_ROLES}
    missing = [role for role in _NEEDED if named[role] is None]
    if missing:
        raise DataError(
            f"{source}: expected a market with the columns {', '.join(_NEEDED)}, got {', '.join(have[:30])}. "
            f"Name it: --column {missing[0]}=COLUMN"
        )
    table = pd.DataFrame(
        {name: frame[named[name]].fillna("").astype(str).str.strip() for name in _NEEDED[:2]}
    )
    price, written, reason = parse_prices(frame[named["price"]])
    _refuse(source, reason != "", table, "price", reason)
    if len(set(written) - {""}) > 1:
        raise DataError(
            f"currency mix: {source}: expected one currency, got {', '.join(sorted(set(written)))}"
        )
    table["price"] = price
    for name in MARKET_ROLES[3:]:
        given = frame[named[name]] if named[name] else pd.Series(np.nan, index=frame.index)
        table[name] = pd.to_numeric(given, errors="coerce").astype(np.float64)
    _refuse(source, ~(table["units"] > 0).to_numpy(), table, "units", np.full(len(table), "not above 0"))
    _refuse(source, (table["unit_cost"] < 0).to_numpy(), table, "unit_cost", np.full(len(table), "below 0"))
    twice = table.duplicated(["sku", "seller"], keep=False).to_numpy()
    _refuse(source, twice, table, "sku", np.full(len(table), "there twice: duplicates"))
    sellers = table["seller"].unique()
    if request.seller not in sellers:
        raise DataError(f"{source}: expected the seller {request.seller!r} among {', '.join(sellers[:10])}")
    if len(sellers) < 2:
        raise DataError(f"one seller only: {source}: expected rivals beside {request.seller!r}")
    return table


def _refuse(source: str, bad: np.ndarray, table: pd.DataFrame, column: str, reason: np.ndarray) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{source}: the {column} of {table['sku'].iloc[row]!r} at {table['seller'].iloc[row]!r} (row "
            f"{row}) is {reason[row]}, and so in {int(bad.sum()):,} rows. A market without it means "
            "another thing: correct it, or leave the product out on purpose"
        )
