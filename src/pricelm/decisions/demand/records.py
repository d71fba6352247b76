"""What is known of the demand for a product, as records that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pricelm.core.errors import DataError
from pricelm.decisions.demand.curves import ElasticityCurve

Rung = Literal[
    "none",
    "willingness to pay",
    "category prior",
    "fixed-effects Poisson",
    "double machine learning",
    "instruments",
]
Badge = Literal[
    "not tested", "no sign of confounding", "some sign of confounding", "strong sign of confounding"
]
SCHEMA = 1


@dataclass(frozen=True)
class Confounding:
    """Naive against adjusted elasticity.

    Parameters
    ----------
    badge : str
        What to tell a person.
    naive, adjusted : float or None
        Elasticity when nothing but price is looked at, and the product's own estimate after adjustment.
    z : float or None
        Their difference in standard errors.
    evidence : str
        What the adjustment rests on.
    """

    badge: Badge
    naive: float | None = None
    adjusted: float | None = None
    z: float | None = None
    evidence: str = ""


@dataclass(frozen=True)
class DemandEstimate:
    """What is known of one product.

    Parameters
    ----------
    sku, category : str
        The product and its category.
    rung : str
        The step of the ladder that the estimate stands on; ``"none"`` for a refused product.
    why : str
        Why this one and not a higher one.
    curve : ElasticityCurve or None
        None for a refused product.
    elasticity_low, elasticity_high : float or None
        Interval of the elasticity.
    confidence_level : float
        Of the interval.
    confounding : Confounding
        The badge.
    own_estimate, own_error, own_weight : float or None
        What the product's own sales say, and their share in the elasticity after shrinkage.
    first_stage_f : float or None
        Strength of the instrument where there is one.
    n_rows, n_stores, n_prices : int
        Weeks used, stores, different prices.
    refusal : str
        Name and detail of what is wrong with the product's data; empty otherwise.
    cross : dict of str to tuple
        Rival product to (elasticity, low, high).
    """

    sku: str
    category: str
    rung: Rung
    why: str
    curve: ElasticityCurve | None
    elasticity_low: float | None
    elasticity_high: float | None
    confidence_level: float
    confounding: Confounding
    own_estimate: float | None = None
    own_error: float | None = None
    own_weight: float | None = None
    first_stage_f: float | None = None
    n_rows: int = 0
    n_stores: int = 0
    n_prices: int = 0
    refusal: str = ""
    cross: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the line of the demand table."""
        curve = self.curve
        return {
            "sku": self.sku,
            "category": self.category,
            "price": curve.reference_price if curve else None,
            "units": curve.reference_units if curve else None,
            "own_price_elasticity": curve.elasticity if curve else None,
            "elasticity_se": curve.elasticity_error if curve else None,
            "elasticity_low": self.elasticity_low,
            "elasticity_high": self.elasticity_high,
            "price_low": curve.price_low if curve else None,
            "price_high": curve.price_high if curve else None,
            "rung": self.rung,
            "why": self.why,
            "badge": self.confounding.badge,
            "naive_elasticity": self.confounding.naive,
            "refusal": self.refusal,
        }


@dataclass(frozen=True)
class DemandModel:
    """The demand for all products, readable and without code: it is stored as JSON.

    Parameters
    ----------
    estimates : sequence of DemandEstimate
        One a product.
    priors : dict of str to dict
        Category to mean, spread and source of its prior.
    period_days : float
        What "units a period" means.
    currency : str
        ISO code, or ``""``.
    settings : dict
        Options that the estimates were made with.
    """

    estimates: Sequence[DemandEstimate]
    priors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    period_days: float = 7.0
    currency: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def curve(self, sku: str) -> ElasticityCurve:
        """Return the demand curve of a product.

        Raises
        ------
        DataError
            If the product is not known, or was refused; the message says why.
        """
        for estimate in self.estimates:
            if estimate.sku == sku:
                if estimate.curve is None:
                    raise DataError(f"{sku}: there is no demand curve, because of {estimate.refusal}")
                return estimate.curve
        raise DataError(f"expected a product of the {len(self.estimates):,} in the demand model, got {sku!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "schema": SCHEMA,
            "period_days": self.period_days,
            "currency": self.currency,
            "settings": dict(self.settings),
            "priors": {name: dict(prior) for name, prior in self.priors.items()},
            "estimates": [asdict(estimate) for estimate in self.estimates],
        }

    def save(self, path: str | Path) -> None:
        """Write the model as indented JSON."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> DemandModel:
        """Rebuild a model from :meth:`to_dict`.

        Raises
        ------
        DataError
            If it is not such a document, or of a later version.
        """
        if not isinstance(stored, Mapping) or stored.get("schema") != SCHEMA:
            found = stored.get("schema") if isinstance(stored, Mapping) else type(stored).__name__
            raise DataError(f"expected a demand model of schema {SCHEMA}, got {found!r}. Learn it again")
        try:
            estimates = [_estimate(item) for item in stored["estimates"]]
            return cls(
                estimates,
                stored["priors"],
                float(stored["period_days"]),
                str(stored["currency"]),
                stored["settings"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"expected a demand model as pricelm writes it, but {error!r}. Learn it again"
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> DemandModel:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or holds something else.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise DataError(
                f"{path}: expected a demand model in JSON, but it cannot be read ({error})"
            ) from error


def _estimate(stored: Mapping[str, Any]) -> DemandEstimate:
    given = dict(stored)
    curve = given.pop("curve")
    confounding = Confounding(**given.pop("confounding"))
    cross = {str(rival): (float(a), float(b), float(c)) for rival, (a, b, c) in given.pop("cross").items()}
    known = None if curve is None else ElasticityCurve.from_dict(curve)
    return DemandEstimate(**given, curve=known, confounding=confounding, cross=cross)
