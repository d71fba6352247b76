"""Contradictions that the rules alone tell: circles of ladders, a floor above a ceiling."""

from __future__ import annotations

from itertools import pairwise

from pricelm.knowledge.couplings import Ladder
from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import Scope
from pricelm.knowledge.floors import PriceCeiling, PriceFloor
from pricelm.knowledge.rule_files import RuleBook

Conflict = tuple[tuple[str, ...], str]


def ladder_cycles(book: RuleBook) -> list[Conflict]:
    """Find listed ladders that ask a product to cost more than itself.

    A circle of steps that only asks for "not less" is no contradiction: all may cost the same.
    """
    steps: dict[str, list[tuple[str, str, bool]]] = {}
    for rule in book.coupling_rules:
        if isinstance(rule, Ladder) and rule.hard:
            for low, high in pairwise(rule.order):
                rises = rule.min_step > 0 or rule.min_step_amount > 0
                steps.setdefault(low, []).append((high, rule.id, rises))
    found: dict[frozenset[str], Conflict] = {}
    for start in steps:
        circle = _shortest_circle(steps, start)
        if circle is not None and any(rises for _, _, rises in circle):
            ids = tuple(dict.fromkeys(rule for _, rule, _ in circle))
            names = " < ".join([start, *(sku for sku, _, _ in circle)])
            found.setdefault(frozenset(ids), (ids, f"the ladders form a circle: {names}. Take one step out"))
    return list(found.values())


def _shortest_circle(
    steps: dict[str, list[tuple[str, str, bool]]], start: str
) -> list[tuple[str, str, bool]] | None:
    """Return the steps of a shortest way from a product back to itself, one that rises where there is one."""
    reached: set[tuple[str, bool]] = {(start, False)}
    ways: list[tuple[str, bool, list[tuple[str, str, bool]]]] = [(start, False, [])]
    while ways:
        at, risen, way = ways.pop(0)
        for step in steps.get(at, []):
            state = (step[0], risen or step[2])
            if step[0] == start and state[1]:
                return [*way, step]
            if state not in reached:
                reached.add(state)
                ways.append((*state, [*way, step]))
    return None


def literal_conflicts(book: RuleBook) -> list[Conflict]:
    """Find floors above ceilings, and endings that no price between them has, where amounts are written."""
    floors = [r for r in book if isinstance(r, PriceFloor) and r.hard and r.amount is not None]
    ceilings = [r for r in book if isinstance(r, PriceCeiling) and r.hard and r.amount is not None]
    endings = [rule for rule in book if isinstance(rule, PriceEnding) and rule.hard]
    found: list[Conflict] = []
    for floor in floors:
        for ceiling in ceilings:
            assert floor.amount is not None and ceiling.amount is not None
            if not _overlap(floor.scope, ceiling.scope):
                continue
            if floor.amount > ceiling.amount:
                text = f"the floor {floor.amount:,.2f} is above the ceiling {ceiling.amount:,.2f}"
                found.append(((floor.id, ceiling.id), f"{text}. Move one of them"))
                continue
            for ending in endings:
                together = _overlap(floor.scope, ending.scope) and _overlap(ceiling.scope, ending.scope)
                if together and float(ending.rounded(floor.amount, up=True)) > ceiling.amount:  # type: ignore[arg-type]
                    between = f"no price from {floor.amount:,.2f} to {ceiling.amount:,.2f} has such an ending"
                    found.append(((floor.id, ceiling.id, ending.id), f"{between}. Allow another ending"))
    return found


def _overlap(one: Scope, other: Scope) -> bool:
    """Tell whether every product of one scope is in the other, which needs no table to be sure."""
    return one == other or Scope() in (one, other)
