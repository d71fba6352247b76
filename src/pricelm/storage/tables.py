"""All tables of a store, in an order in which each stands after those that it refers to."""

from __future__ import annotations

from sqlalchemy import Table

from pricelm.storage import (
    alerts,
    audit,
    batches,
    documents,
    experiments,
    keys,
    market,
    outcomes,
    prices,
    quotes,
    registry,
    reviews,
    rule_versions,
    sessions,
    users,
)
from pricelm.storage.base import Base

# naming the modules is what makes their tables part of the metadata
_MODULES = (
    alerts, audit, batches, documents, experiments, keys, market, outcomes, prices, quotes, registry, reviews,
    rule_versions, sessions, users,
)  # fmt: skip


def all_tables() -> list[Table]:
    """Return the tables.

    Examples
    --------
    >>> names = [table.name for table in all_tables()]
    >>> names.index("batches") < names.index("recommendations")
    True
    """
    return list(Base.metadata.sorted_tables)
