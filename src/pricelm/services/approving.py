"""Approving: a recommendation is approved, edited or rejected by a person, and big moves need two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pricelm.core.errors import ConfigError, NotAllowedError
from pricelm.services.service_keys import Caller, Role
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.batches import (
    Batch,
    RecommendationRow,
    approvals_of,
    count_states,
    decide,
    get_batch,
    get_recommendation,
    latest_batches,
    recommendations_of,
)

# only these move a price and are sure enough to be approved without being named
MOVES = ("raise", "lower")
_OPEN = ("open", "approved", "rejected")
_MOST_REASON = 2_000


@dataclass(frozen=True)
class BatchRecord:
    """A plan in the store: who made it, when, and how many of its recommendations are in which state."""

    batch: int
    kind: str
    created: datetime
    actor: str
    currency: str
    recommendations: int
    states: dict[str, int]
    note: str


@dataclass(frozen=True)
class RecommendationRecord:
    """A recommendation in the store, with the price that was decided (None before)."""

    recommendation: int
    batch: int
    sku: str
    action: str
    current_price: Decimal
    proposed_price: Decimal
    price_low: Decimal
    price_high: Decimal
    gain: float | None
    currency: str
    state: str
    decided_price: Decimal | None
    rationale: str


@dataclass(frozen=True)
class ApprovalRecord:
    """What somebody decided about a recommendation: when, who, what, at which price, and why."""

    at: datetime
    actor: str
    decision: str
    price: Decimal | None
    reason: str


@dataclass(frozen=True)
class Decisions:
    """What became of recommendations that somebody decided about.

    Parameters
    ----------
    done : list of int
        Recommendations that were decided.
    refused : dict of int to str
        Recommendations that were left as they were, and why.
    """

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DecisionRequest:
    """What somebody decides.

    Parameters
    ----------
    batch : int
        The plan.
    caller : Caller
        Who decides; an approver or admin.
    skus : sequence of str, optional
        Products; by default all whose price should move and that are open.
    reason : str, default ""
        Why; a rejection and an edit need one.
    four_eyes_share : float, default 0.2
        A move by more than this share of the current price is approved by another person than the one who
        proposed it.
    """

    batch: int
    caller: Caller
    skus: Sequence[str] | None = None
    reason: str = ""
    four_eyes_share: float = 0.2


def list_batches(place: StorePlace, limit: int = 50) -> list[BatchRecord]:
    """Return the newest plans, newest first."""
    with opened_store(place) as store, store.reading() as session:
        rows = latest_batches(session, limit)
        states = count_states(session, [row.batch for row in rows])
        return [_batch_record(row, states[row.batch]) for row in rows]


def show_batch(
    place: StorePlace, batch: int, *, state: str | None = None, limit: int | None = None
) -> tuple[BatchRecord, list[RecommendationRecord]]:
    """Return a plan and its recommendations in the order of its table.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    batch : int
        The plan.
    state : str, optional
        Only recommendations in this state.
    limit : int, optional
        Most recommendations.

    Returns
    -------
    tuple
        The plan and its recommendations.

    Raises
    ------
    ConfigError
        If there is no such plan.
    """
    with opened_store(place) as store, store.reading() as session:
        row = get_batch(session, batch)
        if row is None:
            raise unknown_batch(batch)
        found = recommendations_of(session, batch, state=state, limit=limit)
        return _batch_record(row, count_states(session, [batch])[batch]), [_record(one) for one in found]


def decisions_about(place: StorePlace, recommendation: int) -> list[ApprovalRecord]:
    """Return what people decided about a recommendation, oldest first.

    Raises
    ------
    ConfigError
        If there is no such recommendation.
    """
    with opened_store(place) as store, store.reading() as session:
        if get_recommendation(session, recommendation) is None:
            raise ConfigError(f"expected the number of a recommendation, got {recommendation}")
        rows = approvals_of(session, recommendation)
        return [ApprovalRecord(one.at, one.actor, one.decision, one.price, one.reason) for one in rows]


def approve(place: StorePlace, request: DecisionRequest) -> Decisions:
    """Approve the proposed, or edited, prices of a plan.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    request : DecisionRequest
        Which, by whom.

    Returns
    -------
    Decisions
        What was approved; a big move that the same person proposed is refused.

    Raises
    ------
    ConfigError
        If there is no such plan or product.
    NotAllowedError
        If the caller is no approver.
    """

    def step(batch: Batch, row: RecommendationRow) -> str:
        if row.state == "approved":
            return "it is approved already"
        price = row.proposed_price if row.decided_price is None else row.decided_price
        proposer = row.edited_by or batch.actor
        if is_big_move(row, price, request.four_eyes_share) and request.caller.name == proposer:
            return (
                f"a move of more than {request.four_eyes_share:.0%} needs another person than {proposer}, "
                "who proposed it"
            )
        row.decided_price, row.state = price, "approved"
        return ""

    return take_decision(place, request, "approve", step)


def reject(place: StorePlace, request: DecisionRequest) -> Decisions:
    """Reject recommendations, approved ones too as long as they did not go out; a reason is needed.

    See `approve` for parameters and errors.
    """
    check_reason(request.reason)

    def step(_: Batch, row: RecommendationRow) -> str:
        if row.state == "rejected":
            return "it is rejected already"
        row.state = "rejected"
        return ""

    return take_decision(place, request, "reject", step)


def unknown_batch(batch: int) -> ConfigError:
    """Return the error for a plan that is not there."""
    return ConfigError(f"expected the number of a batch, got {batch}: 'pricelm batch list' lists them")


def take_decision(
    place: StorePlace,
    request: DecisionRequest,
    decision: str,
    step: Callable[[Batch, RecommendationRow], str],
) -> Decisions:
    """Take one decision about each recommendation that is asked for.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    request : DecisionRequest
        Which, by whom.
    decision : str
        Its name in the record.
    step : callable
        Changes a row, or returns why it is left as it was.
    """
    caller = request.caller
    if caller.role < Role.approver:
        raise NotAllowedError(
            f"expected an approver, and {caller.name} is {caller.role.name}: ask an approver"
        )
    made = Decisions()
    with opened_store(place) as store, store.writing() as session:
        batch = get_batch(session, request.batch)
        if batch is None:
            raise unknown_batch(request.batch)
        rows = recommendations_of(session, request.batch, skus=request.skus, lock=True)
        if request.skus is not None:
            _check_named(request.skus, rows)
        else:
            rows = [row for row in rows if row.action in MOVES and row.state == "open"]
        changed = []
        for row in rows:
            why = step(batch, row) if row.state in _OPEN else f"it is {row.state}"
            if why:
                made.refused[row.recommendation] = f"{row.sku}: {why}"
            else:
                changed.append(row)
        decide(session, changed, caller.name, decision, request.reason)
        made.done.extend(row.recommendation for row in changed)
        if changed:
            prices = {row.sku: str(row.decided_price or row.proposed_price) for row in changed}
            details = {"prices": prices, "reason": request.reason}
            write_audit(session, caller.name, decision, f"batch {request.batch}", details)
    return made


def is_big_move(row: RecommendationRow, price: Decimal, share: float) -> bool:
    """Tell whether a price is further from the present one than a share of it."""
    return abs(float(price) / float(row.current_price) - 1) > share


def check_reason(reason: str) -> None:
    """Refuse a reason that says nothing, or is too long."""
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise ConfigError(
            f"expected a reason of 1 to {_MOST_REASON:,} characters, got {len(reason.strip()):,}"
        )


def _check_named(skus: Sequence[str], rows: Sequence[RecommendationRow]) -> None:
    known = {row.sku for row in rows}
    unknown = next((sku for sku in skus if sku not in known), None)
    if unknown is not None:
        raise ConfigError(
            f"expected a product of the batch, got {unknown[:80]!r}: 'pricelm batch show' lists them"
        )


def _batch_record(row: Batch, states: dict[str, int]) -> BatchRecord:
    return BatchRecord(
        row.batch, row.kind, row.created, row.actor, row.currency, row.recommendations, states, row.note
    )


def _record(row: RecommendationRow) -> RecommendationRecord:
    return RecommendationRecord(
        row.recommendation,
        row.batch,
        row.sku,
        row.action,
        row.current_price,
        row.proposed_price,
        row.price_low,
        row.price_high,
        row.gain,
        row.currency,
        row.state,
        row.decided_price,
        row.rationale,
    )
