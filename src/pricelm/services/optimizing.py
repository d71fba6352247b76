"""Optimizing: from a table of products and a file of rules to proposed prices with reasons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.readers import read_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.optimization.build import PlanConfig
from pricelm.decisions.optimization.frontier import FrontierPoint, efficient_frontier
from pricelm.decisions.optimization.page import plan_page
from pricelm.decisions.optimization.propose import PricePlan
from pricelm.decisions.optimization.solve import SolverConfig
from pricelm.knowledge.rule_files import RuleBook, load_rules, parse_rules
from pricelm.services.outputs import replaced_file
from pricelm.services.planning import PlanInputs, make_plan
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.product_table import read_products
from pricelm.services.recording import PlanRecord, plain, record_plan
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import now_text
from pricelm.services.rule_history import rules_in_force

_COLUMNS = (
    "sku", "action", "current_price", "proposed_price", "price_low", "price_high",
    "units", "revenue", "margin", "gain",
)  # fmt: skip
_NO_FRONTIER = "none"


@dataclass(frozen=True)
class OptimizeRequest:
    """What `optimize_prices` is asked for.

    Parameters
    ----------
    products : str or pathlib.Path
        File or database address of the products.
    out : pathlib.Path
        Table to write: ``.csv``, ``.jsonl`` or ``.parquet``; a ``.json`` with everything stands beside it.
    rules : pathlib.Path, optional
        YAML file of rules; without one those that are in force in the store.
    demand : str or pathlib.Path, optional
        Table of demand, where the products do not bring it.
    cross : str or pathlib.Path, optional
        Table of cross elasticities: sku, other_sku, cross_price_elasticity.
    report : pathlib.Path, optional
        HTML page; by default beside the table.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Standard name to column.
    today : datetime.date, optional
        The day that rules count from.
    frontier : str, default "revenue"
        What margin is weighed against, or ``"none"``.
    plan : PlanConfig
        Objective, risk, grid.
    solver : SolverConfig
        Tolerance and time.
    store : str, optional
        Store that the plan is written into, as a batch of recommendations to approve.
    actor : str, default "pricelm"
        Who makes the plan.
    """

    products: str | Path
    out: Path
    rules: Path | None = None
    demand: str | Path | None = None
    cross: str | Path | None = None
    report: Path | None = None
    query: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    today: date | None = None
    frontier: str = "revenue"
    plan: PlanConfig = field(default_factory=PlanConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)
    store: str | None = None
    actor: str = "pricelm"


@dataclass(frozen=True, eq=False)
class OptimizeResult:
    """What came out; when the plan is infeasible nothing was written.

    Parameters
    ----------
    plan : PricePlan
        Proposed prices.
    frontier : list of FrontierPoint
        Efficient plans.
    out, document, report, rejected : pathlib.Path or None
        What was written.
    rejected_counts : dict of str to int
        Rejected products by reason.
    batch : int or None, default None
        Number of the batch in the store.
    """

    plan: PricePlan
    frontier: list[FrontierPoint]
    out: Path | None
    document: Path | None
    report: Path | None
    rejected: Path | None
    rejected_counts: dict[str, int]
    batch: int | None = None

    @property
    def actions(self) -> dict[str, int]:
        """Number of products by action."""
        return dict(Counter(one.action for one in self.plan.recommendations).most_common())

    def summary(self) -> dict[str, Any]:
        """Return everything but the products as JSON-ready values."""
        plan = self.plan
        names = {"out": self.out, "document": self.document, "report": self.report, "rejected": self.rejected}
        return {
            "status": plan.status,
            "reason": plan.solution.reason,
            "relax": list(plan.relax),
            "value": plan.solution.value,
            "bound": plan.solution.bound,
            "gap": plan.solution.gap,
            "actions": self.actions,
            "totals": plan.totals,
            "rules": [asdict(one) for one in plan.verdicts],
            "rule_costs": plan.rule_costs,
            "frontier": [asdict(point) for point in self.frontier],
            "rejected_counts": self.rejected_counts,
            "batch": self.batch,
            **{name: str(path) if path else None for name, path in names.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return self.summary() | {"recommendations": [one.to_dict() for one in self.plan.recommendations]}


def optimize_prices(request: OptimizeRequest, progress: Progress = Silence()) -> OptimizeResult:
    """Propose prices for a table of products.

    Parameters
    ----------
    request : OptimizeRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    OptimizeResult
        With status "infeasible" and nothing written where no prices keep the rules.

    Raises
    ------
    DataError
        If products or demand cannot be used.
    RuleError
        If a rule is wrong or names a column that is not there.
    OutputError
        If something cannot be written.
    """
    _check_request(request)
    book = load_rules(request.rules) if request.rules else RuleBook()
    rules = request.rules.read_text(encoding="utf-8") if request.rules else ""
    if not request.rules and request.store:
        rules = rules_in_force(request.store) or ""
        book = parse_rules(rules) if rules else book
    progress.start("reading products", 0)
    with RejectedRows(request.out) as rejected:
        table = read_products(
            request.products,
            query=request.query,
            columns=request.columns,
            today=request.today,
            demand=request.demand,
            need_cost=request.plan.objective.needs_cost,
        )
        rejected.add(table.rejected)
        for line in table.warnings:
            progress.say(f"note: {line}")
        progress.start(f"pricing {len(table.facts):,} products under {len(book):,} rules", 0)
        cross = _read_cross(request.cross) if request.cross else None
        inputs = PlanInputs(table.facts, rules, cross, request.plan, request.solver)
        plan = make_plan(inputs)
        if plan.status == "infeasible":
            return OptimizeResult(plan, [], None, None, None, None, dict(rejected.counts))
        frontier: list[FrontierPoint] = []
        if request.frontier != _NO_FRONTIER and "unit_cost" in table.facts.frame.columns:
            progress.start("drawing the frontier", 0)
            frontier = efficient_frontier(plan.assortment, against=request.frontier, solver=request.solver)
        report = request.report or request.out.with_suffix(".html")
        document = request.out.with_suffix(".json")
        result = OptimizeResult(plan, frontier, request.out, document, report, None, dict(rejected.counts))
        if request.store is not None:
            result = replace(result, batch=_record(request, inputs, plan))
        _write(request, result, report, document)
    return replace(result, rejected=rejected.written)


def _record(request: OptimizeRequest, inputs: PlanInputs, plan: PricePlan) -> int:
    sources = {
        "products": request.products,
        "rules": request.rules,
        "demand": request.demand,
        "cross": request.cross,
    }
    return record_plan(str(request.store), PlanRecord(inputs, plan, request.actor, sources))


def _check_request(request: OptimizeRequest) -> None:
    price_format(request.out)
    inputs = [request.products, request.rules, request.demand, request.cross]
    outputs = [
        request.out,
        request.out.with_suffix(".json"),
        request.report or request.out.with_suffix(".html"),
    ]
    read = {Path(str(one)).resolve() for one in inputs if one is not None}
    for path in outputs:
        if path.resolve() in read:
            raise ConfigError(f"expected another file to write to than to read from, got {path} for both")
    if request.frontier not in ("revenue", "units", _NO_FRONTIER):
        raise ConfigError(f"expected a frontier of revenue, units or none, got {request.frontier!r}")


def _read_cross(source: str | Path) -> dict[tuple[str, str], float]:
    table = read_listings(source)
    needed = ("sku", "other_sku", "cross_price_elasticity")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        shown = ", ".join(map(str, table.columns[:30]))
        raise DataError(f"{source}: expected the columns {', '.join(needed)}, got {shown}")
    values = pd.to_numeric(table["cross_price_elasticity"], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"{source}: expected numbers in cross_price_elasticity, got none in row {row + 1}")
    pairs = zip(table["sku"].astype(str), table["other_sku"].astype(str), strict=True)
    return dict(zip(pairs, values.tolist(), strict=True))


def _write(request: OptimizeRequest, result: OptimizeResult, report: Path, document: Path) -> None:
    rows = []
    for one in result.plan.recommendations:
        bound = ";".join(verdict.rule_id for verdict in one.verdicts if verdict.bound)
        broken = ";".join(verdict.rule_id for verdict in one.verdicts if not verdict.satisfied)
        own = {name: getattr(one, name) for name in _COLUMNS}
        rows.append({**own, "bound_by": bound, "breaks": broken, "rationale": one.rationale})
    table = pd.DataFrame(rows)
    numeric = table.select_dtypes("number").columns
    table[numeric] = table[numeric].astype(np.float64).round(4)
    with replaced_file(request.out) as draft:
        write_frame(table, draft, price_format(request.out))
    with replaced_file(document) as draft:
        text = json.dumps(plain(result.to_dict()), ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    against = request.frontier if request.frontier != _NO_FRONTIER else "revenue"
    title = Path(str(request.products)).name
    with replaced_file(report) as draft:
        draft.write_text(
            plan_page(result.plan, title, now_text(), result.frontier, against), encoding="utf-8"
        )
