"""Recording plans: every recommendation with all that it was made from, so that it can be made again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pricelm.core.nouns import Recommendation
from pricelm.decisions.optimization.propose import PricePlan
from pricelm.models.fingerprint import software_versions
from pricelm.services.planning import PlanInputs
from pricelm.services.snapshots import snapshot_parts, snapshot_settings
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import canonical_json, to_amount, utc_now
from pricelm.storage.batches import Batch, add_batch
from pricelm.storage.documents import put_document
from pricelm.storage.registry import active_version

_MEASURES = ("units", "revenue", "margin", "gain")
_PRICES = ("current_price", "proposed_price", "price_low", "price_high")


@dataclass(frozen=True, eq=False)
class PlanRecord:
    """A plan that is to be written down.

    Parameters
    ----------
    inputs : PlanInputs
        What it was made from.
    plan : PricePlan
        What came out; not infeasible.
    actor : str
        Who made it; the four-eyes rule takes this person for the proposer.
    sources : mapping, default {}
        What the inputs were read from: a name each to a file or address.
    note : str, default ""
        Anything that people should know.
    """

    inputs: PlanInputs
    plan: PricePlan
    actor: str
    sources: Mapping[str, str | Path | None] = field(default_factory=dict)
    note: str = ""


def record_plan(place: StorePlace, record: PlanRecord) -> int:
    """Write a plan into a store as a batch of recommendations that wait for approval.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    record : PlanRecord
        The plan.

    Returns
    -------
    int
        Number of the batch.

    Raises
    ------
    StoreError
        If the store cannot be used; nothing of the plan is in it then.
    """
    parts = snapshot_parts(record.inputs)
    settings = snapshot_settings(record.inputs) | {
        "versions": software_versions(),
        "sources": {name: _source(one) for name, one in record.sources.items() if one is not None},
        "status": record.plan.status,
    }
    rows = list(_rows(record.plan.recommendations))
    with opened_store(place) as store, store.writing() as session:
        keys = {name: put_document(session, name, text) for name, text in parts.items() if text}
        model = active_version(session)
        if model is not None:
            settings["model"] = {"version": model.version, "fingerprint": model.fingerprint}
        snapshot = put_document(session, "snapshot", canonical_json(settings | {"parts": keys}))
        batch = Batch(
            kind="optimize",
            created=utc_now(),
            actor=record.actor[:120],
            snapshot=snapshot,
            rules=keys.get("rules"),
            model_version=None if model is None else model.version,
            currency=record.inputs.facts.currency,
            recommendations=len(rows),
            totals=plain(record.plan.totals),
            note=record.note,
        )
        number = add_batch(session, batch, rows)
        details = {"recommendations": len(rows), "snapshot": snapshot, "sha256": rows_hash(rows)}
        write_audit(session, record.actor, "plan", f"batch {number}", details)
    return number


def recommendation_row(one: Recommendation) -> dict[str, Any]:
    """Return a recommendation as the store keeps it: prices exact, what is not a number as None."""
    return {
        "sku": one.sku,
        "action": one.action,
        **{name: to_amount(getattr(one, name)) for name in _PRICES},
        **{name: plain(float(getattr(one, name))) for name in _MEASURES},
        "currency": one.currency,
        "verdicts": plain([asdict(verdict) for verdict in one.verdicts]),
        "rationale": one.rationale,
    }


def rows_hash(rows: list[dict[str, Any]]) -> str:
    """Return one hash over recommendations as the store keeps them, for the audit log."""
    said = [{name: str(v) if name in _PRICES else v for name, v in row.items()} for row in rows]
    return hashlib.sha256(canonical_json(said).encode("utf-8", errors="surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """Return JSON-ready values in which what is no finite number is None.

    Examples
    --------
    >>> plain({"cost": float("nan"), "rules": ("a",)})
    {'cost': None, 'rules': ['a']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(recommendations: list[Recommendation]) -> Iterator[dict[str, Any]]:
    return map(recommendation_row, recommendations)


def _source(place: str | Path) -> dict[str, str]:
    """Return what identifies a source; an address may hold a password and is not kept."""
    path = Path(str(place))
    if "://" in str(place) or not path.is_file():
        return {"kind": "database"}
    with path.open("rb") as content:
        return {"file": path.name, "sha256": hashlib.file_digest(content, "sha256").hexdigest()}
