"""Work lists: what a plan recommends, as people see it who decide about it, fast enough for every click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, TypeVar

import pandas as pd

from pricelm.services.approving import MOVES, BatchRecord, unknown_batch
from pricelm.services.expected_profit import expected_gains
from pricelm.services.planning import PlanInputs
from pricelm.services.recorded_inputs import recorded_inputs
from pricelm.storage.audit import LogEnd, read_log_end
from pricelm.storage.batches import Batch, count_states, get_batch, latest_batches
from pricelm.storage.database import Store
from pricelm.storage.worklists import RecommendationValues, listing_texts, recommendation_values

TEXTS = ("title", "brand", "category", "description", "condition")
_KEPT = 4
_ONE = TypeVar("_ONE")


@dataclass(frozen=True)
class WorkList:
    """What a plan recommends.

    Parameters
    ----------
    batch : BatchRecord
        The plan.
    rows : list of dict
        A recommendation each with numbers as floats; the most profitable first. ``gain`` is the expected
        profit a period against the present price; ``planned_gain`` what the plan judged it by, risk included.
    waiting : int
        Prices that should move and are open.
    waiting_gain, approved_gain : float
        Expected profit a period against leaving prices as they are: of those that wait, and of those that
        were approved and did not go out.
    """

    batch: BatchRecord
    rows: list[dict[str, Any]]
    waiting: int
    waiting_gain: float
    approved_gain: float


@dataclass(frozen=True, eq=False)
class WorkLists:
    """The work lists of a store; what was read is remembered until something is written.

    Parameters
    ----------
    store : Store
        The store.

    Examples
    --------
    >>> from pricelm.storage.database import open_store
    >>> WorkLists(open_store("sqlite://")).batches()
    []
    """

    store: Store
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=RLock, repr=False)

    def batches(self, limit: int = 30) -> list[BatchRecord]:
        """Return the newest plans, newest first."""
        with self.store.reading() as session:
            rows = latest_batches(session, limit)
            states = count_states(session, [row.batch for row in rows])
            return [_record(row, states[row.batch]) for row in rows]

    def work_list(self, batch: int) -> WorkList:
        """Return what a plan recommends.

        Raises
        ------
        ConfigError
            If there is no such plan.
        """
        return self._remembered(("list", batch, self._end()), lambda: self._read_list(batch))

    def drawn(self, batch: int, form: str, draw: Callable[[WorkList], _ONE]) -> _ONE:
        """Return what ``draw`` makes of a work list; it is made again when something was written.

        Parameters
        ----------
        batch : int
            The plan.
        form : str
            What ``draw`` makes of it: one form, one drawing.
        draw : callable
            Takes the work list.
        """
        key = form, batch, self._end()
        return self._remembered(key, lambda: draw(self.work_list(batch)))

    def inputs(self, batch: int) -> PlanInputs | None:
        """Return what a plan was made from, or None where its snapshot holds no products.

        Raises
        ------
        ConfigError
            If there is no such plan.
        StoreError
            If the snapshot was changed.
        """
        return self._remembered(("inputs", batch), lambda: self._read_inputs(batch))

    def texts(self, batch: int, skus: list[str]) -> dict[str, dict[str, str]]:
        """Return what is written about products: by the plan's own table, else by the store's listings."""
        inputs = self.inputs(batch)
        own = _frame_texts(inputs.facts.frame, skus) if inputs is not None else {}
        with self.store.reading() as session:
            listed = listing_texts(session, [sku for sku in skus if "title" not in own.get(sku, {})])
        return {sku: listed.get(sku, {}) | own.get(sku, {}) for sku in skus}

    def _end(self) -> LogEnd | None:
        with self.store.reading() as session:
            # every decision is in the audit log, so that its length tells whether anything changed
            return read_log_end(session)

    def _read_list(self, number: int) -> WorkList:
        with self.store.reading() as session:
            batch = get_batch(session, number)
            if batch is None:
                raise unknown_batch(number)
            record = _record(batch, count_states(session, [number])[number])
            values = recommendation_values(session, number)
        texts = self.texts(number, [one.sku for one in values])
        inputs = self.inputs(number)
        gains = {} if inputs is None else expected_gains(inputs, {one.sku: _price(one) for one in values})
        rows = [_row(one, texts.get(one.sku, {}), gains.get(one.sku)) for one in values]
        waiting = [row for row in rows if row["step"] == "waiting"]
        approved = [row for row in rows if row["state"] == "approved"]
        return WorkList(
            record,
            rows,
            len(waiting),
            sum(row["gain"] or 0.0 for row in waiting),
            sum(row["gain"] or 0.0 for row in approved),
        )

    def _read_inputs(self, number: int) -> PlanInputs | None:
        return recorded_inputs(self.store, number)[0]

    def _remembered(self, key: Hashable, make: Callable[[], _ONE]) -> _ONE:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: _ONE = self._kept[key]
                return kept
            made = make()
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return made


def _frame_texts(frame: pd.DataFrame, skus: list[str]) -> dict[str, dict[str, str]]:
    names = [name for name in TEXTS if name in frame.columns]
    if not names:
        return {}
    wanted = set(skus)
    rows = zip(frame["sku"].astype(str), *(frame[name] for name in names), strict=True)
    return {
        sku: {name: str(value) for name, value in zip(names, values, strict=True) if not pd.isna(value)}
        for sku, *values in rows
        if sku in wanted
    }


def _price(one: RecommendationValues) -> float:
    return float(one.proposed_price if one.decided_price is None else one.decided_price)


def _row(one: RecommendationValues, texts: dict[str, str], gain: float | None) -> dict[str, Any]:
    current, price = float(one.current_price), _price(one)
    bound = [verdict for verdict in one.verdicts if verdict.get("bound")]
    return {
        "id": one.recommendation,
        "sku": one.sku,
        "title": texts.get("title", ""),
        "category": texts.get("category", ""),
        "brand": texts.get("brand", ""),
        "action": one.action,
        "current": current,
        "proposed": float(one.proposed_price),
        "price": price,
        "change": price / current - 1,
        "low": float(one.price_low),
        "high": float(one.price_high),
        "gain": one.gain if gain is None else gain,
        "planned_gain": one.gain,
        "units": one.units,
        "state": one.state,
        "step": _step(one),
        "edited": one.edited_by,
        "rules": ", ".join(verdict["rule_id"] for verdict in bound),
        "holding": max(bound, key=lambda verdict: verdict.get("cost", 0.0), default=None),
        "broken": [verdict for verdict in one.verdicts if not verdict.get("satisfied", True)],
    }


def _step(one: RecommendationValues) -> str:
    """Return where a recommendation stands: an open one waits, needs a look, or moves nothing."""
    if one.state != "open":
        return one.state
    return "waiting" if one.action in MOVES else "hold" if one.action == "hold" else "look"


def _record(row: Batch, states: dict[str, int]) -> BatchRecord:
    return BatchRecord(
        row.batch, row.kind, row.created, row.actor, row.currency, row.recommendations, states, row.note
    )
