"""A plan as people read it in a terminal: totals, the largest changes, what the rules cost."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pricelm.cli.tables import counts_line, places_view

if TYPE_CHECKING:
    from pricelm.services.optimizing import OptimizeResult

_MOST_LINES = 10


def plan_view(result: OptimizeResult) -> RenderableType:
    """Draw a plan, or why there is none."""
    plan = result.plan
    if plan.status == "infeasible":
        return Text.assemble(("Infeasible: ", "bold red"), plan.solution.reason, ". Nothing was written.")
    parts: list[RenderableType] = [_headline(result), _totals(result), _changes(result)]
    if plan.rule_costs:
        costs = sorted(plan.rule_costs.items(), key=lambda item: -item[1])
        said = ", ".join(f"{name} {cost:,.2f}" for name, cost in costs[:6])
        parts.append(Text(f"What rules cost a period: {said}"))
    parts += [Text(one.message, style="red") for one in plan.verdicts if not one.satisfied]
    if result.rejected_counts:
        parts.append(counts_line(result.rejected_counts))
    places = {
        "prices": result.out,
        "all": result.document,
        "page": result.report,
        "rejected": result.rejected,
    }
    return Group(*parts, Text(""), places_view(places))


def following_line(result: OptimizeResult, store: str | None) -> Text | None:
    """Return the line with the next command, where there is one; it has to be printed without breaks.

    Parameters
    ----------
    result : OptimizeResult
        The plan.
    store : str or None
        The store that the command has to name; without it, the one that is set.
    """
    if result.batch is None:
        return None
    command = ["pricelm", "batch", "show", str(result.batch), *(["--store", store] if store else [])]
    return Text.assemble(("next    ", "dim"), (shlex.join(command), "cyan"))


def _headline(result: OptimizeResult) -> Text:
    actions = ", ".join(f"{count:,} to {name}" for name, count in result.actions.items())
    gap = result.plan.solution.gap
    gain = sum(one.gain for one in result.plan.recommendations)
    return Text.assemble(
        (f"{len(result.plan.recommendations):,} products: {actions}. ", "bold"),
        f"Expected {gain:+,.2f} a period; no plan on this grid earns over {gap:.3%} more before holding.",
    )


def _totals(result: OptimizeResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("a period", "now", "proposed", "change"):
        table.add_column(name, justify="left" if name == "a period" else "right")
    now, then = result.plan.totals["current"], result.plan.totals["proposed"]
    for name in ("margin", "revenue", "units"):
        change = f"{then[name] / now[name] - 1:+.1%}" if now[name] > 0 else ""
        table.add_row(name, f"{now[name]:,.0f}", f"{then[name]:,.0f}", change)
    return table


def _changes(result: OptimizeResult) -> RenderableType:
    moved = [one for one in result.plan.recommendations if one.action != "hold"]
    if not moved:
        return Text("No price should change.")
    moved.sort(key=lambda one: -abs(one.gain))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("product", "action", "now", "proposed", "nearly as good", "gain", "held by"):
        right = name in ("now", "proposed", "nearly as good", "gain")
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for one in moved[:_MOST_LINES]:
        bound = ", ".join(verdict.rule_id for verdict in one.verdicts if verdict.bound)
        cells = (one.sku, one.action, f"{one.current_price:,.2f}", f"{one.proposed_price:,.2f}")
        span = f"{one.price_low:,.2f} to {one.price_high:,.2f}"
        table.add_row(*(Text(cell) for cell in (*cells, span, f"{one.gain:+,.2f}", bound)))
    left = len(moved) - _MOST_LINES
    return Group(table, Text(f"{left:,} more in the table", style="dim")) if left > 0 else table
