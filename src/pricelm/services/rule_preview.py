"""What other rules would change: a plan made again under them, beside the one that was made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pricelm.core.errors import ConfigError
from pricelm.knowledge.lint import Finding, lint_rules
from pricelm.knowledge.rule_files import parse_rules
from pricelm.services.planning import PlanInputs, make_plan
from pricelm.services.worklist import WorkLists

_SAME = 0.005
_MOST_SHOWN = 20
_MOST_PRODUCTS = 20_000


@dataclass(frozen=True)
class RulePreview:
    """What rules would change.

    Parameters
    ----------
    rules : int
        How many rules there are.
    findings : list of Finding
        What is wrong with them.
    batch : int or None
        The plan that was made again; None where there is none.
    products, changed : int
        Its products, and those that would be proposed another price.
    gain_before, gain_after : float
        Expected profit against leaving prices as they are, then and under these rules.
    held : dict of str to int
        Products that each rule would hold.
    examples : list of tuple
        Product, price proposed then, price under these rules; the largest changes.
    relax : tuple of str
        Where no prices keep the rules: the smallest set to relax.
    """

    rules: int
    findings: list[Finding]
    batch: int | None = None
    products: int = 0
    changed: int = 0
    gain_before: float = 0.0
    gain_after: float = 0.0
    held: dict[str, int] | None = None
    examples: list[tuple[str, float, float]] | None = None
    relax: tuple[str, ...] = ()


def preview_rules(lists: WorkLists, text: str) -> RulePreview:
    """Check rules, and make the newest plan again under them; nothing is written.

    Parameters
    ----------
    lists : WorkLists
        Of the store.
    text : str
        YAML of the rules.

    Returns
    -------
    RulePreview
        What would change.

    Raises
    ------
    RuleError, ReadError, LimitError
        If a rule is wrong.
    ConfigError
        If the plan has more than 20,000 products.
    """
    book = parse_rules(text)
    newest = lists.batches(1)
    inputs = lists.inputs(newest[0].batch) if newest else None
    if inputs is None:
        return RulePreview(len(book), lint_rules(book))
    if len(inputs.facts) > _MOST_PRODUCTS:
        raise ConfigError(
            f"expected a plan of at most {_MOST_PRODUCTS:,} products to preview, got {len(inputs.facts):,}: "
            "use 'pricelm optimize' with these rules"
        )
    own = book.in_currency(inputs.facts.currency)
    findings = lint_rules(own, inputs.facts)
    batch = newest[0].batch
    plan = make_plan(PlanInputs(inputs.facts, text, inputs.cross, inputs.plan, inputs.solver))
    before = {row["sku"]: row for row in lists.work_list(batch).rows}
    if plan.status == "infeasible":
        return RulePreview(len(book), findings, batch, len(before), relax=plan.relax)
    moved = [
        (one.sku, float(before[one.sku]["proposed"]), one.proposed_price)
        for one in plan.recommendations
        if one.sku in before and abs(one.proposed_price - before[one.sku]["proposed"]) >= _SAME
    ]
    moved.sort(key=lambda one: -abs(one[2] / one[1] - 1))
    held = Counter(v.rule_id for one in plan.recommendations for v in one.verdicts if v.bound)
    return RulePreview(
        len(book),
        findings,
        batch,
        len(plan.recommendations),
        len(moved),
        sum(row["planned_gain"] or 0.0 for row in before.values()),
        sum(one.gain for one in plan.recommendations),
        dict(held.most_common()),
        moved[:_MOST_SHOWN],
    )
