"""Replaying: make a recorded plan again from its snapshot, and say where the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.models.fingerprint import software_versions
from pricelm.services.auditing import AuditRecord, show_audit
from pricelm.services.planning import make_plan
from pricelm.services.recorded_inputs import recorded_inputs
from pricelm.services.recording import recommendation_row, rows_hash
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.batches import RecommendationRow, get_recommendation, recommendations_of

_TOLERANCE = 1e-6
_WORDS = ("rationale",)


@dataclass(frozen=True)
class Difference:
    """A value that came out otherwise.

    Parameters
    ----------
    sku : str
        The product; empty where the whole plan is meant.
    field : str
        For example ``"proposed_price"``.
    recorded, replayed : str
        The two values.
    """

    sku: str
    field: str
    recorded: str
    replayed: str


@dataclass(frozen=True)
class ReplayReport:
    """What making a plan again showed.

    Parameters
    ----------
    batch : int
        The plan.
    recommendation : int or None
        The recommendation that was asked about.
    compared : int
        Recommendations that were compared.
    differences : list of Difference
        Where they differ; empty where they agree.
    versions : dict of str to str
        Libraries that are other ones than then: name to ``"then -> now"``.
    facts : dict
        What the plan was made from: hashes of its parts, settings, model, sources.
    """

    batch: int
    recommendation: int | None
    compared: int
    differences: list[Difference]
    versions: dict[str, str]
    facts: dict[str, Any]

    @property
    def agrees(self) -> bool:
        """True when nothing differs."""
        return not self.differences


def replay_recommendation(place: StorePlace, recommendation: int) -> ReplayReport:
    """Make the plan of a recommendation again, and compare that recommendation.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    recommendation : int
        Its number.

    Returns
    -------
    ReplayReport
        Whether it agrees, else what differs.

    Raises
    ------
    ConfigError
        If there is no such recommendation.
    StoreError
        If a part of the snapshot is gone or was changed.
    """
    with opened_store(place) as store, store.reading() as session:
        row = get_recommendation(session, recommendation)
        if row is None:
            raise ConfigError(
                f"expected the number of a recommendation, got {recommendation}: "
                "'pricelm batch show BATCH' lists them"
            )
        batch, sku = row.batch, row.sku
    return _replay(place, batch, sku, recommendation)


def replay_batch(place: StorePlace, batch: int) -> ReplayReport:
    """Make a plan again, and compare all its recommendations; see `replay_recommendation`."""
    return _replay(place, batch, None, None)


def _replay(place: StorePlace, number: int, sku: str | None, recommendation: int | None) -> ReplayReport:
    with opened_store(place) as store, store.reading() as session:
        inputs, settings = recorded_inputs(store, number)
        rows = [_kept(row) for row in recommendations_of(session, number)]
    if inputs is None:
        raise ConfigError(
            f"expected a plan that was recorded with its products, got batch {number} without any"
        )
    differences = _tampered(rows, show_audit(place, 1_000, subject=f"batch {number}"))
    plan = make_plan(inputs)
    made = {one.sku: recommendation_row(one) for one in plan.recommendations}
    wanted = [row for row in rows if sku is None or row["sku"] == sku]
    for row in wanted:
        differences += compare(row, made.get(row["sku"]))
    if sku is None:
        known = {row["sku"] for row in rows}
        differences += [Difference(one, "recommendation", "none", "made") for one in made if one not in known]
    now = software_versions()
    then = settings.get("versions", {})
    changed = {
        name: f"{then.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*now, *then})
        if then.get(name) != now.get(name)
    }
    facts = {name: value for name, value in settings.items() if name not in ("versions", "form")}
    return ReplayReport(number, recommendation, len(wanted), differences, changed, facts)


def compare(recorded: Mapping[str, Any], replayed: Mapping[str, Any] | None) -> list[Difference]:
    """Return where a recommendation differs from one that was made again.

    Prices have to be equal to the ten-thousandth; measures to one part in a million, since other processors
    add in another order. What an explanation says follows from them and may be worded anew.
    """
    sku = str(recorded["sku"])
    if replayed is None:
        return [Difference(sku, "recommendation", "made", "none")]
    names = [name for name in recorded if name not in _WORDS]
    return [
        Difference(sku, name, str(recorded[name]), str(replayed[name]))
        for name in names
        if not _same(recorded[name], replayed[name])
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            key == "message" or _same(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = int | float
    if isinstance(one, numbers) and isinstance(other, numbers) and not isinstance(one, Decimal):
        return abs(one - other) <= _TOLERANCE * max(1.0, abs(one), abs(other))
    return bool(one == other)


def _kept(row: RecommendationRow) -> dict[str, Any]:
    names = (
        "sku", "action", "current_price", "proposed_price", "price_low", "price_high", "units", "revenue",
        "margin", "gain", "currency", "verdicts", "rationale",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}


def _tampered(rows: list[dict[str, Any]], log: list[AuditRecord]) -> list[Difference]:
    """Compare the rows with what the audit log says was written."""
    written = next((one.details.get("sha256") for one in log if one.action == "plan"), None)
    found = rows_hash(rows)
    if written in (None, found):
        return []
    return [Difference("", "recommendations as recorded", str(written)[:12], found[:12])]
