"""Rows: texts, targets and facts, checked before anything slow begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricelm.core.errors import DataError
from pricelm.language.facts import check_facts


@dataclass(frozen=True)
class Rows:
    """Checked rows of training or validation data.

    Parameters
    ----------
    texts : list of str, length n
        The texts.
    targets : ndarray of float64, shape (n,)
        One finite number a text.
    facts : ndarray of float64, shape (n, k), or None
        Numbers beside each text, NaN where unknown.
    """

    texts: list[str]
    targets: np.ndarray
    facts: np.ndarray | None

    @property
    def n_facts(self) -> int:
        """Facts beside each text; 0 if there are none."""
        return 0 if self.facts is None else self.facts.shape[1]

    def digest(self) -> str:
        """Return a SHA-256 over the rows."""
        total = hashlib.sha256(json.dumps(self.texts).encode())
        total.update(self.targets.tobytes())
        total.update(b"none" if self.facts is None else self.facts.tobytes())
        return total.hexdigest()


def check_texts(texts: Sequence[str], what: str = "texts") -> list[str]:
    """Return texts as a list, or say which one is none.

    Raises
    ------
    DataError
        If it is a single text, or holds something else than texts.

    Examples
    --------
    >>> check_texts(("red wine", ""))
    ['red wine', '']
    """
    if isinstance(texts, str):
        raise DataError(f"expected {what} to be a sequence of texts, got one text; put it into a list")
    rows = list(texts)
    for position, text in enumerate(rows):
        if not isinstance(text, str):
            raise DataError(
                f"expected {what}[{position}] to be a text, got {text!r}; use '' where there is none"
            )
    return rows


def check_rows(texts: Sequence[str], targets: Any, facts: Any, what: str) -> Rows:
    """Return checked rows, or say what is wrong with them.

    Parameters
    ----------
    texts : sequence of str, length n
        The texts.
    targets : array-like of float, shape (n,)
        The numbers.
    facts : array-like of float, shape (n, k), or None
        The facts.
    what : str
        What the rows are for, as a message names them.

    Returns
    -------
    Rows
        The rows.

    Raises
    ------
    DataError
        If they are empty, of different lengths, or a target is not finite.

    Examples
    --------
    >>> check_rows(["red wine"], [float("nan")], None, "training")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.DataError: 1 of 1 training targets are NaN or infinite, the first in position 0; ...
    """
    checked = check_texts(texts, f"{what} texts")
    try:
        numbers = np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected {what} targets to be numbers: {error}") from error
    if numbers.shape != (len(checked),):
        raise DataError(
            f"expected one target for each of {len(checked)} {what} texts, got shape {numbers.shape}"
        )
    if not checked:
        raise DataError(f"expected at least one {what} text, got none")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise DataError(
            f"{wrong.size} of {len(numbers)} {what} targets are NaN or infinite, the first in position "
            f"{wrong[0]}; leave those rows out"
        )
    return Rows(checked, numbers, None if facts is None else check_facts(facts, len(checked)))


def check_validation(validation: tuple[Any, ...], training: Rows) -> Rows:
    """Return checked validation rows that have the same parts as the training rows.

    Parameters
    ----------
    validation : tuple
        ``(texts, targets)``, or ``(texts, targets, facts)`` if the training rows have facts.
    training : Rows
        The training rows.

    Returns
    -------
    Rows
        The rows.

    Raises
    ------
    DataError
        If a part is missing, superfluous or unusable.
    """
    wanted = "(texts, targets, facts)" if training.n_facts else "(texts, targets)"
    if len(validation) != wanted.count(",") + 1:
        raise DataError(
            f"expected validation to be {wanted} like the training data, got {len(validation)} parts"
        )
    texts, targets, facts = (*validation, None)[:3]
    rows = check_rows(texts, targets, facts, "validation")
    if rows.facts is not None:
        check_facts(rows.facts, len(rows.texts), training.n_facts)
    return rows
