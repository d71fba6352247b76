"""Snapshots: the inputs of a plan as texts that are read back to the same inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from pricelm.core.errors import StoreError
from pricelm.decisions.optimization.build import PlanConfig
from pricelm.decisions.optimization.grids import GridConfig
from pricelm.decisions.optimization.objective import Objective, Risk
from pricelm.decisions.optimization.solve import SolverConfig
from pricelm.knowledge.facts import ProductFacts
from pricelm.services.planning import PlanInputs

FORM = 1
PARTS = ("products", "rules", "cross")


def snapshot_parts(inputs: PlanInputs) -> dict[str, str]:
    """Return the large parts of a snapshot as texts, each to be kept under its own hash.

    Yesterday's rules and products are mostly today's too; apart from each other they are kept once.
    """
    cross = sorted([*pair, value] for pair, value in (inputs.cross or {}).items())
    return {
        "products": _text(encode_frame(inputs.facts.frame)),
        "rules": inputs.rules,
        "cross": _text(cross) if inputs.cross is not None else "",
    }


def snapshot_settings(inputs: PlanInputs) -> dict[str, Any]:
    """Return the small parts of a snapshot as JSON-ready values."""
    return {
        "form": FORM,
        "today": inputs.facts.today.isoformat(),
        "currency": inputs.facts.currency,
        "plan": asdict(inputs.plan),
        "solver": asdict(inputs.solver),
    }


def read_snapshot(settings: Mapping[str, Any], parts: Mapping[str, str]) -> PlanInputs:
    """Return the inputs that a snapshot was made of.

    Parameters
    ----------
    settings : mapping
        What `snapshot_settings` gave.
    parts : mapping
        What `snapshot_parts` gave.

    Returns
    -------
    PlanInputs
        The same inputs.

    Raises
    ------
    StoreError
        If the snapshot is of a later pricelm, or is none.
    """
    if settings.get("form") != FORM:
        raise StoreError(
            f"expected a snapshot of form {FORM}, got {str(settings.get('form'))[:20]}: update pricelm"
        )
    try:
        frame = decode_frame(json.loads(parts["products"]))
        facts = ProductFacts(frame, date.fromisoformat(settings["today"]), settings["currency"])
        cross = None
        if parts["cross"]:
            cross = {(sku, other): value for sku, other, value in json.loads(parts["cross"])}
        plan = dict(settings["plan"])
        own = PlanConfig(
            Objective(**plan.pop("objective")),
            Risk(**plan.pop("risk")),
            GridConfig(**plan.pop("grid")),
            **plan,
        )
        return PlanInputs(facts, parts["rules"], cross, own, SolverConfig(**settings["solver"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"the snapshot cannot be read ({error}): it was changed, restore a backup"
        ) from error


def encode_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON-ready columns; numbers keep every digit.

    Examples
    --------
    >>> encode_frame(pd.DataFrame({"sku": ["a", "b"], "price": [1.5, None]}))
    [{'name': 'sku', 'kind': 'object', 'values': ['a', 'b']},
     {'name': 'price', 'kind': 'float64', 'values': [1.5, None]}]
    """
    return [
        {
            "name": str(name),
            "kind": str(series.dtype) if series.dtype.kind in "biufM" else "object",
            "values": [_encoded(value) for value in series.tolist()],
        }
        for name, series in frame.items()
    ]


def decode_frame(columns: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the table that `encode_frame` was given.

    Examples
    --------
    >>> table = pd.DataFrame({"sku": ["a", "b"], "price": [1.5, None]})
    >>> decode_frame(encode_frame(table)).equals(table)
    True
    """
    made = {}
    for column in columns:
        values = [_decoded(value) for value in column["values"]]
        kind = column["kind"]
        if kind.startswith("datetime64"):
            made[column["name"]] = pd.Series(pd.to_datetime(pd.Series(values, dtype=object))).astype(kind)
        else:
            made[column["name"]] = pd.Series(values, dtype=kind if kind != "object" else object)
    return pd.DataFrame(made)


def _encoded(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return {"text": str(value)}


def _decoded(value: Any) -> Any:
    if value is None:
        return np.nan
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    if kind == "number":
        return float(text)
    if kind == "time":
        return pd.Timestamp(text)
    return date.fromisoformat(text) if kind == "date" else text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
