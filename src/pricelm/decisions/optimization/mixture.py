"""From shadow prices to a choice by way of a mixture: a linear program over the columns that are nearly tied.

The best mixture keeps every limit exactly, and no more units than there are limits are undecided in it. Those
few are settled by trying their columns.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix, csr_matrix, vstack

from pricelm.decisions.optimization.core_program import Block

_COLUMNS = (3_000, 12_000, 48_000)
_COMBINATIONS = 20_000


def mix_and_settle(
    blocks: list[Block], limits: np.ndarray, caps: np.ndarray, room: np.ndarray
) -> np.ndarray | None:
    """Choose one column of every unit, near the best mixture.

    Parameters
    ----------
    blocks : list of Block
        Units with their columns and how far each is from the best of its unit at the shadow prices.
    limits, caps : numpy.ndarray
        Limits of the sums, and the cost of passing them, infinite for hard rules; shape (rules,).
    room : numpy.ndarray
        Rounding allowed on each hard sum, shape (rules,).

    Returns
    -------
    numpy.ndarray or None
        Positions of the chosen columns, in the order of the blocks joined; None if no mixture was found.
    """
    distance = np.concatenate([block.distance for block in blocks])
    unit = _joined_units(blocks)
    value = np.concatenate([block.value for block in blocks])
    usage = np.concatenate([block.usage for block in blocks], axis=1)
    order = np.argsort(distance, kind="stable")
    best = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    best[unit[order[::-1]]] = order[::-1]
    alternatives = order[order != best[unit[order]]]
    if not len(alternatives):
        return best
    for count in _COLUMNS:
        near = alternatives[:count]
        shares = _mixture((near, best), (unit, value, usage), limits, caps)
        if shares is not None:
            return _settled(shares, best, (unit, value, usage, distance), (limits, caps, room))
        if count >= len(alternatives):
            return None
    return None


def _joined_units(blocks: list[Block]) -> np.ndarray:
    starts = np.cumsum([0, *(block.units for block in blocks)])
    return np.concatenate([block.unit + start for block, start in zip(blocks, starts, strict=False)])


def _mixture(
    chosen: tuple[np.ndarray, np.ndarray],
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    limits: np.ndarray,
    caps: np.ndarray,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the alternatives with their shares in the best mixture; the rest is the best of each unit."""
    near, best = chosen
    unit, value, usage = columns
    base = usage[:, best].sum(axis=1)
    home = best[unit[near]]
    gain, change = value[near] - value[home], usage[:, near] - usage[:, home]
    units, line = np.unique(unit[near], return_inverse=True)
    soft = np.flatnonzero(np.isfinite(caps))
    scale = np.maximum(np.abs(change).max(axis=1, initial=0.0), 1e-9)
    over = np.zeros((len(limits), len(soft)))
    over[soft, np.arange(len(soft))] = -1.0
    sums = csr_matrix(np.column_stack([change, over]) / scale[:, None])
    shape = len(units), len(near) + len(soft)
    picks = coo_matrix((np.ones(len(near)), (line, np.arange(len(near)))), shape)
    size = max(float(np.abs(gain).max(initial=0.0)), 1e-9)
    found = linprog(
        np.concatenate([-gain, caps[soft]]) / size,
        A_ub=vstack([sums, picks]).tocsr(),
        b_ub=np.concatenate([(limits - base) / scale, np.ones(len(units))]),
        bounds=(0, None),
        method="highs",
    )
    return None if found.x is None else (near, found.x[: len(near)])


def _settled(
    shares: tuple[np.ndarray, np.ndarray],
    best: np.ndarray,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    near, share = shares
    unit, value, usage, distance = columns
    limits, caps, room = sums
    picked = best.copy()
    whole = share > 1 - 1e-7
    picked[unit[near[whole]]] = near[whole]
    undecided = np.unique(unit[near[(share > 1e-7) & ~whole]])
    if not len(undecided):
        return picked
    most = max(2, int(_COMBINATIONS ** (1 / len(undecided))))
    options = []
    for one in undecided:
        own = np.flatnonzero(unit == one)
        options.append(own[np.argsort(distance[own], kind="stable")[:most]])
    tried = np.array(list(product(*options)))
    used = usage[:, picked].sum(axis=1) - usage[:, picked[undecided]].sum(axis=1)
    excess = used[:, None] + usage[:, tried].sum(axis=2) - limits[:, None]
    hard = np.isinf(caps)
    worth = value[tried].sum(axis=1) - caps[~hard] @ np.maximum(excess[~hard], 0.0)
    passed = np.maximum(excess[hard] - room[hard, None], 0.0).sum(axis=0)
    # the least excess where every combination has some; simple moves take it away afterwards
    at = int(np.lexsort((-worth, passed))[0])
    picked[undecided] = tried[at]
    return picked
