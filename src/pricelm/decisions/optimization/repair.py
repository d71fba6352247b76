"""From shadow prices to a choice that keeps every limit: move the products that mind least, then fill up."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.optimization.parts import DensePart

_ROUNDS = 40
_FILLS = 60


def repair_choice(
    part: DensePart,
    choice: np.ndarray,
    excess: np.ndarray,
    multipliers: np.ndarray,
    room: np.ndarray,
    *,
    partly: bool = False,
) -> np.ndarray | None:
    """Change the columns of few products so that sums fall below their limits.

    Parameters
    ----------
    part : DensePart
        The products that may move.
    choice : numpy.ndarray
        A column each.
    excess : numpy.ndarray
        By how much each sum of the whole problem passes its hard limit (negative below), shape (rules,).
    multipliers : numpy.ndarray
        Shadow prices, which say what a move costs.
    room : numpy.ndarray
        Rounding allowed on each sum, shape (rules,).
    partly : bool, default False
        Return how far it got instead of None.

    Returns
    -------
    numpy.ndarray or None
        The changed choice; None if moves of one product at a time did not get there.
    """
    choice, excess = choice.copy(), excess.copy()
    reduced = part.reduced(multipliers)
    at = np.arange(len(choice))
    size = np.maximum(np.abs(part.usage).max(axis=(1, 2), initial=0.0), 1e-12)
    for _ in range(_ROUNDS):
        if (excess <= room).all():
            return choice
        if _settled_at_once(part, choice, excess, reduced, room):
            return choice
        worst = int(np.argmax(np.where(excess > room, excess / size, -np.inf)))
        freed = part.usage[worst][at, choice][:, None] - part.usage[worst]
        loss = reduced[at, choice][:, None] - reduced
        useful = (freed > 1e-12 * size[worst]) & np.isfinite(loss)
        gentle = useful & _within(part, choice, excess, worst)
        useful = gentle if gentle.any() else useful
        ratio = np.where(useful, loss / np.where(useful, freed, 1.0), np.inf)
        column = ratio.argmin(axis=1)
        order = np.argsort(ratio[at, column], kind="stable")
        order = order[np.isfinite(ratio[at, column][order])]
        if not len(order):
            break
        gained = np.cumsum(freed[order, column[order]])
        count = int(np.searchsorted(gained, excess[worst] - room[worst])) + 1
        moved = order[:count]
        before = part.usage[:, moved, choice[moved]].sum(axis=1)
        choice[moved] = column[moved]
        excess += part.usage[:, moved, choice[moved]].sum(axis=1) - before
    return choice if partly or (excess <= room).all() else None


def _settled_at_once(
    part: DensePart, choice: np.ndarray, excess: np.ndarray, reduced: np.ndarray, room: np.ndarray
) -> bool:
    """Take the cheapest single move after which every limit is kept, in place; False if there is none."""
    at = np.arange(len(choice))
    fits = np.isfinite(reduced)
    for rule in range(len(excess)):
        change = part.usage[rule] - part.usage[rule][at, choice][:, None]
        fits &= excess[rule] + change <= room[rule]
    if not fits.any():
        return False
    loss = np.where(fits, reduced[at, choice][:, None] - reduced, np.inf)
    row, column = divmod(int(loss.argmin()), loss.shape[1])
    choice[row] = column
    return True


def _within(part: DensePart, choice: np.ndarray, excess: np.ndarray, worst: int) -> np.ndarray:
    """Return which moves pass none of the other limits by themselves."""
    at = np.arange(len(choice))
    fits = np.ones(part.value.shape, dtype=bool)
    for rule in range(len(excess)):
        if rule != worst:
            change = part.usage[rule] - part.usage[rule][at, choice][:, None]
            fits &= change <= max(-excess[rule], 0.0)
    return fits


def fill_up(
    part: DensePart, choice: np.ndarray, excess: np.ndarray, caps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take single moves that earn more and fit into what the limits leave, the best first.

    Parameters
    ----------
    part : DensePart
        The products that may move.
    choice : numpy.ndarray
        A column each; the limits hold.
    excess : numpy.ndarray
        Sums minus limits, shape (rules,), none above zero for hard rules.
    caps : numpy.ndarray
        Cost of passing each limit; infinite for hard rules.

    Returns
    -------
    choice, excess : numpy.ndarray
        After the moves.
    """
    choice, excess = choice.copy(), excess.copy()
    at = np.arange(len(choice))
    hard = np.isinf(caps)
    for _ in range(_FILLS):
        gain = part.value - part.value[at, choice][:, None]
        fits = gain > 0
        for rule in range(len(excess)):
            change = part.usage[rule] - part.usage[rule][at, choice][:, None]
            if hard[rule]:
                fits &= change <= max(-excess[rule], 0.0)
            else:
                paid = np.maximum(excess[rule] + change, 0.0) - max(excess[rule], 0.0)
                gain = gain - caps[rule] * paid
        gain = np.where(fits, gain, 0.0)
        best = int(gain.argmax())
        row, column = divmod(best, gain.shape[1])
        if gain[row, column] <= 0:
            break
        excess += part.usage[:, row, column] - part.usage[:, row, choice[row]]
        choice[row] = column
    return choice, excess
