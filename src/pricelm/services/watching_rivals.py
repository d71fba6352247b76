"""Watching rivals: price wars and signs of collusion in observed prices, product by product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.observations import read_observations
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.competition import (
    CollusionWarning,
    PriceWar,
    RadarConfig,
    RestingPrice,
    resting_market,
    resting_price,
    watch_collusion,
    watch_price_war,
)
from pricelm.services.competing import end_of, one_currency, read_matches
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.product_table import read_products

_FEWEST_DAYS = 10
_RANK = {"price war": 0, "tension": 1, "quiet": 2}


@dataclass(frozen=True)
class RadarRequest:
    """What `watch_rivals` is asked for.

    Parameters
    ----------
    observations : str or pathlib.Path
        Observed prices, the own ones among them: sku, seller, price, observed_at.
    own_seller : str, optional
        Name of the own shop there; needed for resting prices and advice.
    products : str or pathlib.Path, optional
        Own products with unit_cost and own_price_elasticity, for resting prices.
    matches : str or pathlib.Path, optional
        What `match_products` wrote, where rivals have skus of their own.
    out : pathlib.Path, optional
        Table to write.
    today : datetime.date, optional
        The day that pauses count from.
    outside_share : float, default 0.5
        Share of the customers that buy from none of the sellers.
    min_confidence : float, default 0.5
        Matches less sure do not count.
    columns : mapping, optional
        Role to column of the observations.
    config : RadarConfig
        What counts as a war.
    """

    observations: str | Path
    own_seller: str | None = None
    products: str | Path | None = None
    matches: str | Path | None = None
    out: Path | None = None
    today: date | None = None
    outside_share: float = 0.5
    min_confidence: float = 0.5
    columns: Mapping[str, str] = field(default_factory=dict)
    config: RadarConfig = field(default_factory=RadarConfig)


@dataclass(frozen=True)
class Sighting:
    """What is seen of one product.

    Parameters
    ----------
    war : PriceWar
        Chains of undercuts.
    rest : RestingPrice or None
        Where prices come to rest; None where cost, elasticity or a rival is not known.
    collusion : CollusionWarning or None
        None without a resting price or ten days.
    advice : str
        What to do, or why nothing is advised.
    """

    war: PriceWar
    rest: RestingPrice | None
    collusion: CollusionWarning | None
    advice: str

    def row(self) -> dict[str, Any]:
        """Return the line of the table."""
        war, rest = self.war, self.rest
        return {
            "sku": war.sku,
            "status": war.status,
            "undercuts": war.undercuts,
            "sellers": ", ".join(war.sellers),
            "started": None if war.started is None else str(war.started.date()),
            "first_price": war.first_price,
            "last_price": war.last_price,
            "fall_a_day": round(war.fall_a_day, 4),
            "resting_price": None if rest is None else round(rest.own, 4),
            "days_until_rest": None if rest is None else war.days_until(rest.own),
            "best_price_now": None if rest is None else round(rest.best_now, 4),
            "profit_settled": None if rest is None else rest.settled,
            "profit_fought": None if rest is None else rest.fought,
            "collusion": "" if self.collusion is None else self.collusion.level,
            "past_wars": war.past_wars,
            "advice": self.advice,
        }


@dataclass(frozen=True)
class RadarResult:
    """What is seen, the most urgent first.

    Parameters
    ----------
    sightings : list of Sighting
        One a product.
    sellers : int
        Sellers among the observations.
    out : pathlib.Path or None
        The table.
    rejected_counts : dict of str to int
        Observations that could not be used, by reason.
    """

    sightings: list[Sighting]
    sellers: int
    out: Path | None
    rejected_counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out) if self.out else None,
            "products": [one.row() for one in self.sightings],
            "sellers": self.sellers,
            "rejected_counts": self.rejected_counts,
        }


def watch_rivals(request: RadarRequest, progress: Progress = Silence()) -> RadarResult:
    """Look for price wars and signs of collusion.

    Parameters
    ----------
    request : RadarRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    RadarResult
        What is seen of every product that two sellers or more have.

    Raises
    ------
    DataError
        If nothing can be used: ``one seller only``, ``currency mix``, no product with two sellers.
    """
    if request.products is not None and request.own_seller is None:
        raise ConfigError("expected --seller, the own shop's name among the observations, with --products")
    progress.start("watching rivals", 0)
    now = end_of(request.today)
    seen = read_observations(request.observations, now=now, columns=request.columns)
    rows = seen.rows
    sellers = sorted(rows["seller"].unique())
    if len(sellers) < 2:
        raise DataError(f"one seller only: expected two or more, and all observations are of {sellers[0]!r}")
    if request.own_seller is not None and request.own_seller not in sellers:
        raise DataError(f"expected the seller {request.own_seller!r} among {', '.join(sellers[:10])}")
    if request.matches is not None:
        rows = _own_skus(rows, request)
    known = None
    if request.products is not None:
        table = read_products(request.products, today=now.date(), need_demand=False)
        one_currency(table, seen)
        known = table.facts.frame.set_index("sku")
    sightings = [
        _sighting(str(sku), part, known, now, request)
        for sku, part in rows.groupby("sku")
        if part["seller"].nunique() > 1
    ]
    if not sightings:
        raise DataError(
            "no match: expected a product with prices of two sellers or more, and there is none. Match the "
            "products first (`pricelm compete match`) and give --matches"
        )
    sightings.sort(key=lambda one: (_RANK[one.war.status], -one.war.undercuts, one.war.sku))
    kinds = seen.rejected["reason"].str.split(":").str[0].value_counts()
    result = RadarResult(sightings, len(sellers), request.out, {str(k): int(n) for k, n in kinds.items()})
    if request.out is not None:
        with replaced_file(request.out) as draft:
            write_frame(pd.DataFrame([one.row() for one in sightings]), draft, price_format(request.out))
    return result


def _own_skus(rows: pd.DataFrame, request: RadarRequest) -> pd.DataFrame:
    assert request.matches is not None
    matches = read_matches(request.matches)
    matches = matches[matches["confidence"] >= request.min_confidence]
    keys = ["their_sku", *(["seller"] if "seller" in matches else [])]
    theirs = rows[rows["seller"] != request.own_seller].rename(columns={"sku": "their_sku"})
    joined = theirs.merge(matches[["own_sku", *keys]], on=keys).rename(columns={"own_sku": "sku"})
    own = rows[rows["seller"] == request.own_seller]
    return pd.concat([own, joined[["sku", "seller", "price", "observed_at"]]], ignore_index=True)


def _sighting(
    sku: str, rows: pd.DataFrame, known: pd.DataFrame | None, now: pd.Timestamp, request: RadarRequest
) -> Sighting:
    war = watch_price_war(sku, rows, now, request.config)
    missing = _missing(sku, rows, known, request)
    if missing or known is None:
        return Sighting(war, None, None, missing)
    ordered = rows.sort_values("observed_at", kind="stable")
    own = str(request.own_seller)
    names = [own, *sorted(set(ordered["seller"]) - {own})]
    first = ordered.drop_duplicates("seller").set_index("seller")["price"].loc[names].to_numpy()
    last = ordered.drop_duplicates("seller", keep="last").set_index("seller")["price"].loc[names].to_numpy()
    cost, elasticity = (_number(known, sku, name) for name in ("unit_cost", "own_price_elasticity"))
    market = resting_market(first, cost, elasticity, request.outside_share)
    rest = resting_price(market, last, war.fall_a_day)
    days = rows.assign(day=rows["observed_at"].dt.floor("D")).pivot_table(
        index="day", columns="seller", values="price", aggfunc="last"
    )
    path = days.asfreq("D").ffill()[names].dropna().to_numpy()
    collusion = None
    if len(path) >= _FEWEST_DAYS:
        joint = np.full(len(names), rest.joint)
        collusion = watch_collusion(path, np.array([rest.own, *rest.rivals]), joint)
    return Sighting(war, rest, collusion, rest.advice(float(last[0]), war.status == "price war"))


def _missing(sku: str, rows: pd.DataFrame, known: pd.DataFrame | None, request: RadarRequest) -> str:
    """Say what is not known that a resting price needs."""
    if known is None:
        return "no resting price: give --seller and --products with unit_cost and own_price_elasticity"
    if request.own_seller not in set(rows["seller"]):
        return "no resting price: no own price observed"
    if sku not in known.index or "own_price_elasticity" not in known.columns:
        return "no resting price: no own_price_elasticity of the product"
    elasticity = _number(known, sku, "own_price_elasticity")
    return "" if elasticity < 0 else "no resting price: own_price_elasticity is not below 0"


def _number(known: pd.DataFrame, sku: str, name: str) -> float:
    return float(pd.to_numeric(known.loc[[sku], name], errors="coerce").iloc[0])
