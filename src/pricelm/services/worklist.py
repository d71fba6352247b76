"""Work lists: what a plan recommends, as people see it who decide about it, fast enough for every click."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import Any

import pandas as pd

from pricelm.knowledge.facts import ProductFacts
from pricelm.services.approving import BatchRecord, unknown_batch
from pricelm.services.expected_profit import expected_gains
from pricelm.services.planning import PlanInputs
from pricelm.services.recorded_inputs import recorded_inputs
from pricelm.services.work_rows import WorkRows
from pricelm.storage.audit import read_log_end
from pricelm.storage.batches import Batch, count_states, get_batch, latest_batches
from pricelm.storage.database import Store
from pricelm.storage.worklists import decided_values, listing_texts, recommendation_values

TEXTS = ("title", "brand", "category", "description", "condition")
_KEPT = 4
_MOST_BEHIND = 200
# two thirds of what the highest level reaches, in a tenth of its time
_PACKING = 4


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
    revision : str
        Name of this state of the rows.
    """

    batch: BatchRecord
    rows: list[dict[str, Any]]
    waiting: int
    waiting_gain: float
    approved_gain: float
    revision: str


@dataclass(frozen=True, eq=False)
class PackedRows:
    """All rows of a plan as a browser gets them, gzipped, as they were in some revision."""

    revision: str
    content: bytes


@dataclass(eq=False)
class _Kept:
    """A work list in memory, and by which facts it is known to be that of now."""

    mark: Hashable
    rows: WorkRows
    work: WorkList
    packed: dict[str, PackedRows] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WorkLists:
    """The work lists of a store; what was read is remembered, and only what people decided is read again.

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
    _lists: OrderedDict[int, _Kept] = field(default_factory=OrderedDict, repr=False)
    _inputs: OrderedDict[int, PlanInputs | None] = field(default_factory=OrderedDict, repr=False)
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
        with self._lock:
            return self._followed(batch).work

    def changes(self, batch: int, revision: str) -> tuple[WorkList, list[dict[str, Any]] | None]:
        """Return what a plan recommends, and those rows that changed since a revision.

        Parameters
        ----------
        batch : int
            The plan.
        revision : str
            Of a `WorkList` or of `PackedRows`.

        Returns
        -------
        tuple
            The list, and the changed rows; None where the revision is not known any more.

        Raises
        ------
        ConfigError
            If there is no such plan.
        """
        with self._lock:
            kept = self._followed(batch)
            return kept.work, kept.rows.since(revision)

    def packed(self, batch: int, form: str, draw: Callable[[WorkList], bytes]) -> PackedRows:
        """Return all rows of a plan, packed; a little out of date, as `changes` since then are few.

        Drawing and packing ten thousand rows takes longer than everything else about them.

        Parameters
        ----------
        batch : int
            The plan.
        form : str
            What ``draw`` makes of it: one form, one drawing.
        draw : callable
            Takes the work list, returns what is packed.

        Raises
        ------
        ConfigError
            If there is no such plan.
        """
        with self._lock:
            kept = self._followed(batch)
            packed = kept.packed.get(form)
            behind = kept.rows.since(packed.revision) if packed is not None else None
            if packed is None or behind is None or len(behind) > _MOST_BEHIND:
                packed = PackedRows(kept.rows.revision, gzip.compress(draw(kept.work), _PACKING))
                kept.packed[form] = packed
            return packed

    def inputs(self, batch: int) -> PlanInputs | None:
        """Return what a plan was made from, or None where its snapshot holds no products.

        Raises
        ------
        ConfigError
            If there is no such plan.
        StoreError
            If the snapshot was changed.
        """
        with self._lock:
            if batch not in self._inputs:
                self._inputs[batch] = recorded_inputs(self.store, batch)[0]
                _forget_oldest(self._inputs)
            self._inputs.move_to_end(batch)
            return self._inputs[batch]

    def texts(self, batch: int, skus: list[str]) -> dict[str, dict[str, str]]:
        """Return what is written about products: by the plan's own table, else by the store's listings."""
        inputs = self.inputs(batch)
        own = _own_texts(inputs.facts, skus) if inputs is not None else {}
        with self.store.reading() as session:
            listed = listing_texts(session, [sku for sku in skus if "title" not in own.get(sku, {})])
        return {sku: listed.get(sku, {}) | own.get(sku, {}) for sku in skus}

    def _followed(self, number: int) -> _Kept:
        """Return a work list as it stands now."""
        with self.store.reading() as session:
            batch = get_batch(session, number)
            if batch is None:
                raise unknown_batch(number)
            states = count_states(session, [number])[number]
            # the audit log grows with every decision, and the counts tell what begins to go out
            mark = read_log_end(session), tuple(sorted(states.items()))
            kept = self._lists.get(number)
            if kept is not None and kept.mark == mark:
                self._lists.move_to_end(number)
                return kept
            record = _record(batch, states)
            if kept is not None:
                kept.rows.take(decided_values(session, number))
                kept.mark, kept.work = mark, _work_list(record, kept.rows)
                return kept
            values = recommendation_values(session, number)
        texts = self.texts(number, [one.sku for one in values])
        rows = WorkRows(values, texts, partial(self._gains, number))
        self._lists[number] = _Kept(mark, rows, _work_list(record, rows))
        _forget_oldest(self._lists)
        return self._lists[number]

    def _gains(self, batch: int, prices: Mapping[str, float]) -> dict[str, float]:
        inputs = self.inputs(batch)
        return {} if inputs is None else expected_gains(inputs, prices)


def _work_list(record: BatchRecord, rows: WorkRows) -> WorkList:
    waiting = [row for row in rows.rows if row["step"] == "waiting"]
    approved = [row for row in rows.rows if row["state"] == "approved"]
    return WorkList(
        record,
        rows.rows,
        len(waiting),
        sum(row["gain"] or 0.0 for row in waiting),
        sum(row["gain"] or 0.0 for row in approved),
        rows.revision,
    )


def _forget_oldest(kept: OrderedDict[int, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _own_texts(facts: ProductFacts, skus: list[str]) -> dict[str, dict[str, str]]:
    names = [name for name in TEXTS if name in facts.frame.columns]
    known = [sku for sku in skus if sku in facts.positions]
    if not names or not known:
        return {}
    frame = facts.frame.iloc[[facts.positions[sku] for sku in known]]
    rows = zip(known, *(frame[name] for name in names), strict=True)
    return {
        sku: {name: str(value) for name, value in zip(names, values, strict=True) if not pd.isna(value)}
        for sku, *values in rows
    }


def _record(row: Batch, states: dict[str, int]) -> BatchRecord:
    return BatchRecord(
        row.batch, row.kind, row.created, row.actor, row.currency, row.recommendations, states, row.note
    )
