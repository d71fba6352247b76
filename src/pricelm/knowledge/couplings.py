"""Rules that tie prices to each other: ladders, families, packs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from pricelm.core.errors import RuleError
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import CouplingRule, Inequality
from pricelm.knowledge.settings import Number, read_counts, read_switch, read_text, read_texts, setting

_MOST_PAIRS = 200_000


def _groups(rule: CouplingRule, facts: ProductFacts, column: str) -> list[np.ndarray]:
    """Return the positions of each group of two or more products in scope; empty values group nothing."""
    rows = rule.chosen_rows(facts)
    names = facts.texts(column, rule.name)[rows]
    order = np.argsort(names.astype(str), kind="stable")
    rows, names = rows[order], names[order]
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(rows) else np.empty(0, int)
    groups = np.split(rows, starts[1:])
    return [np.sort(group) for group, at in zip(groups, starts, strict=False) if names[at] and len(group) > 1]


def _named(rule: CouplingRule, facts: ProductFacts, skus: tuple[str, ...]) -> list[np.ndarray]:
    """Return the positions of listed products that are in the table, in the order of the list."""
    rows = [row for row in (rule.row_of(facts, sku) for sku in skus) if row >= 0]
    return [np.array(rows)] if len(rows) > 1 else []


@dataclass(frozen=True, kw_only=True)
class Ladder(CouplingRule):
    """In a group, a larger or better product must cost more, and where wanted less for its size.

    The order comes from a list of skus, cheapest first, or from a number in a column within each group.
    Products of equal rank are not compared.
    """

    kind = "ladder"
    example = "{group_by: family, order_by: size, min_step: 0.05}"

    order: tuple[str, ...] = setting("skus, cheapest first", read_texts, default=())
    group_by: str | None = setting("column that says which products belong together", read_text, default=None)
    order_by: str | None = setting("column with the rank or size", read_text, default=None)
    min_step: float = setting("least rise to the next, as a share", Number(0, 100), default=0.0)
    min_step_amount: float = setting("least rise to the next, in currency", Number(0), default=0.0)
    cheaper_per_size: bool = setting(
        "whether a larger one must not cost more for its size", read_switch, default=False
    )

    def __post_init__(self) -> None:
        if bool(self.order) == (self.group_by is not None and self.order_by is not None):
            raise self.fail("either order, or group_by and order_by")
        if len(set(self.order)) < len(self.order):
            raise self.fail("every sku once in order, because a ladder that returns to a step is a circle")
        if self.order and self.cheaper_per_size:
            raise self.fail("order_by for cheaper_per_size, because a list of skus tells no sizes")

    def inequalities(self, facts: ProductFacts) -> list[Inequality]:
        """Return a step for each pair of neighbors."""
        if self.order:
            return [
                self._step(facts, int(low), int(high))
                for group in _named(self, facts, self.order)
                for low, high in pairwise(group)
            ]
        assert self.group_by is not None and self.order_by is not None
        sizes = facts.numbers(self.order_by, self.name)
        found: list[Inequality] = []
        for group in _groups(self, facts, self.group_by):
            group = group[~np.isnan(sizes[group])]
            levels = [group[sizes[group] == size] for size in np.unique(sizes[group])]
            for lower, upper in pairwise(levels):
                for low in lower:
                    for high in upper:
                        found += self._pair(facts, int(low), int(high), sizes)
                _check_count(self, len(found))
        return found

    def _pair(self, facts: ProductFacts, low: int, high: int, sizes: np.ndarray) -> list[Inequality]:
        steps = [self._step(facts, low, high)]
        if self.cheaper_per_size:
            if sizes[low] <= 0:
                raise self.fail(f"sizes above zero in {self.order_by!r}, got {sizes[low]:g}")
            ratio = float(sizes[high] / sizes[low])
            text = f"{facts.skus[high]} at most {ratio:g} times {facts.skus[low]}"
            steps.append(Inequality((low, high), (ratio, -1.0), 0.0, text))
        return steps

    def _step(self, facts: ProductFacts, low: int, high: int) -> Inequality:
        more = f" by {self.min_step:.0%}" if self.min_step else ""
        more += f" by {self.min_step_amount:,.2f}" if self.min_step_amount else ""
        text = f"{facts.skus[high]} above {facts.skus[low]}{more}"
        return Inequality((low, high), (-(1 + self.min_step), 1.0), self.min_step_amount, text)


@dataclass(frozen=True, kw_only=True)
class Family(CouplingRule):
    """Products of one family, such as colors of a shirt, cost the same, or nearly."""

    kind = "family"
    example = "group_by: style"

    skus: tuple[str, ...] = setting("the products", read_texts, default=())
    group_by: str | None = setting("column that says which products belong together", read_text, default=None)
    tolerance: float = setting("largest difference, as a share", Number(0, 10), default=0.0)

    def __post_init__(self) -> None:
        if bool(self.skus) == (self.group_by is not None):
            raise self.fail("either skus or group_by")

    def inequalities(self, facts: ProductFacts) -> list[Inequality]:
        """Return both directions for neighbors, or for all pairs where some difference is allowed."""
        groups = _groups(self, facts, self.group_by) if self.group_by else _named(self, facts, self.skus)
        found: list[Inequality] = []
        for group in groups:
            _check_count(self, len(found) + len(group) ** 2 * (self.tolerance > 0))
            pairs = combinations(group, 2) if self.tolerance else pairwise(group)
            for one, other in pairs:
                text = f"{facts.skus[one]} and {facts.skus[other]} alike"
                if self.tolerance:
                    text += f" within {self.tolerance:.0%}"
                factor = 1 + self.tolerance
                found.append(Inequality((int(one), int(other)), (factor, -1.0), 0.0, text))
                found.append(Inequality((int(one), int(other)), (-1.0, factor), 0.0, text))
        return found


@dataclass(frozen=True, kw_only=True)
class PackPrice(CouplingRule):
    """A pack must cost less than its parts bought one by one.

    Either one pack with its parts is named, or columns say of what and how many pieces each pack is made.
    """

    kind = "pack_price"
    example = "{pack_of_column: pack_of, count_column: pack_count, discount: 0.05}"

    pack: str | None = setting("sku of the pack", read_text, default=None)
    parts: dict[str, float] = setting("sku of each part to its count", read_counts, default_factory=dict)
    pack_of_column: str | None = setting("column with the sku of the single piece", read_text, default=None)
    count_column: str = setting("column with the pieces in the pack", read_text, default="pack_count")
    discount: float = setting("least saving against the parts, as a share", Number(0, 0.99), default=0.0)

    def __post_init__(self) -> None:
        if (self.pack is not None and bool(self.parts)) == (self.pack_of_column is not None):
            raise self.fail("either pack and parts, or pack_of_column")
        if self.pack in self.parts:
            raise self.fail("a pack that is not one of its own parts")

    def inequalities(self, facts: ProductFacts) -> list[Inequality]:
        """Return a limit for each pack whose parts are all in the table."""
        if self.pack is not None:
            rows = [self.row_of(facts, sku) for sku in (self.pack, *self.parts)]
            return [] if min(rows) < 0 else [self._limit(facts, rows[0], rows[1:], list(self.parts.values()))]
        assert self.pack_of_column is not None
        singles = facts.texts(self.pack_of_column, self.name)
        counts = facts.numbers(self.count_column, self.name)
        found = []
        for row in self.chosen_rows(facts):
            part = self.row_of(facts, singles[row]) if singles[row] else -1
            if part < 0 or part == row:
                continue
            if not counts[row] > 0:
                raise self.fail(f"a count above zero in {self.count_column!r} for {facts.skus[row]!r}")
            found.append(self._limit(facts, int(row), [part], [float(counts[row])]))
        return found

    def _limit(self, facts: ProductFacts, pack: int, parts: list[int], counts: list[float]) -> Inequality:
        share = 1 - self.discount
        named = " + ".join(f"{count:g} x {facts.skus[row]}" for row, count in zip(parts, counts, strict=True))
        text = f"{facts.skus[pack]} at most {share:.0%} of {named}"
        return Inequality((*parts, pack), (*(count * share for count in counts), -1.0), 0.0, text)


def _check_count(rule: CouplingRule, count: int) -> None:
    if count > _MOST_PAIRS:
        raise RuleError(
            f"{rule.name}: expected at most {_MOST_PAIRS:,} comparisons of prices, got more. Choose a column "
            "with smaller groups, or a scope with fewer products"
        )
