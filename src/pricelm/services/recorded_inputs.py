"""Recorded inputs: what a plan in the store was made from."""

from __future__ import annotations

import json
from typing import Any

from pricelm.services.approving import unknown_batch
from pricelm.services.planning import PlanInputs
from pricelm.services.snapshots import PARTS, read_snapshot
from pricelm.storage.batches import get_batch
from pricelm.storage.database import Store
from pricelm.storage.documents import get_document


def recorded_inputs(store: Store, batch: int) -> tuple[PlanInputs | None, dict[str, Any]]:
    """Return what a plan was made from.

    Parameters
    ----------
    store : Store
        The store.
    batch : int
        The plan.

    Returns
    -------
    tuple
        The inputs, None where the snapshot holds no products; and the small parts of the snapshot, among them
        what made it.

    Raises
    ------
    ConfigError
        If there is no such plan.
    StoreError
        If the snapshot was changed.
    """
    with store.reading() as session:
        row = get_batch(session, batch)
        if row is None:
            raise unknown_batch(batch)
        text = get_document(session, row.snapshot)
        settings: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
        keys = settings.get("parts", {})
        parts = {name: get_document(session, keys[name]) if name in keys else "" for name in PARTS}
    return (read_snapshot(settings, parts) if parts["products"] else None), settings
