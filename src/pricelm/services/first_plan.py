"""A plan from a table of products, written into the store under the rules in force."""

from __future__ import annotations

from pathlib import Path

from pricelm.core.errors import ConfigError
from pricelm.services.planning import PlanInputs, make_plan
from pricelm.services.product_table import read_products
from pricelm.services.recording import PlanRecord, record_plan
from pricelm.services.rule_history import rules_in_force


def plan_from_source(store_url: str, source: str | Path, actor: str, *, query: str = "") -> int:
    """Propose prices for a table of products and write them down as a batch.

    Parameters
    ----------
    store_url : str
        The store; its rules in force bind the plan.
    source : str or pathlib.Path
        File or database address with the columns sku, price, unit_cost, units and own_price_elasticity.
    actor : str
        Who makes the plan.
    query : str, default ""
        SQL query, with a database address.

    Returns
    -------
    int
        Number of the batch.

    Raises
    ------
    DataError
        If the products cannot be used.
    ConfigError
        If no prices keep the rules.
    """
    table = read_products(source, query=query.strip() or None)
    inputs = PlanInputs(table.facts, rules_in_force(store_url) or "")
    plan = make_plan(inputs)
    if plan.status == "infeasible":
        raise ConfigError(
            f"expected prices that keep the rules, and there are none: relax {', '.join(plan.relax)}"
        )
    left_out = f"{len(table.rejected):,} products could not be used" if len(table.rejected) else ""
    return record_plan(store_url, PlanRecord(inputs, plan, actor, {"products": source}, left_out))
