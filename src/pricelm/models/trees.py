"""Boosted trees as text, checked before LightGBM sees them.

LightGBM's reader trusts its input: a text that is cut short, or that names a node that is
not there, ends the process or reads foreign memory. A bundle may come from a stranger.
"""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np

from pricelm.core.errors import BundleError

_SPLIT_FIELDS = ("split_feature", "split_gain", "decision_type", "left_child", "right_child")
_SPLIT_FIELDS_FOR_PEOPLE = ("internal_value", "internal_weight", "internal_count")
_LEAF_FIELDS = ("leaf_value", "leaf_weight", "leaf_count")
_CATEGORICAL = 1


def write_trees(booster: lightgbm.Booster, file: Path) -> None:
    """Write a booster as text."""
    file.write_text(booster.model_to_string(), encoding="utf-8")


def read_trees(file: Path) -> lightgbm.Booster:
    """Read what `write_trees` wrote.

    Parameters
    ----------
    file : pathlib.Path
        The text.

    Raises
    ------
    BundleError
        If it is not one whole model, or a tree is inconsistent.
    """
    try:
        text = file.read_text(encoding="utf-8")
        check_trees(text)
        return lightgbm.Booster(model_str=text)
    except (OSError, ValueError, LookupError, lightgbm.basic.LightGBMError) as error:
        raise BundleError(
            f"expected boosted trees in {file}, got {type(error).__name__}: {error}; copy the whole bundle "
            "again"
        ) from error


def check_trees(text: str) -> None:
    """Raise ValueError or LookupError unless a text is a whole LightGBM model of one output.

    Examples
    --------
    >>> check_trees("tree")
    Traceback (most recent call last):
    ...
    ValueError: there is no tree in it
    """
    content = text.encode()
    start = content.find(b"\nTree=0\n") + 1
    if not content.startswith(b"tree\n") or not start:
        raise ValueError("there is no tree in it")
    header = _fields(content[:start])
    if (header["num_class"], header["num_tree_per_iteration"]) != ("1", "1"):
        raise ValueError("it has more than one output")
    n_features = int(header["max_feature_idx"]) + 1
    for number, size in enumerate(map(int, header["tree_sizes"].split())):
        block = content[start : start + size]
        if size <= 0 or not block.startswith(f"Tree={number}\n".encode()):
            raise ValueError(f"tree {number} is not where it should be")
        _check_tree(_fields(block), n_features)
        start += size
    if not content[start:].startswith(b"end of trees") or b"\nend of parameters" not in content[start:]:
        raise ValueError("it is cut short")


def _fields(block: bytes) -> dict[str, str]:
    lines = block.decode().split("\n")
    pairs = [line.partition("=") for line in lines if line]
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError("a field stands twice")
    return {name: value for name, _, value in pairs}


def _check_tree(fields: dict[str, str], n_features: int) -> None:
    n_leaves = int(fields["num_leaves"])
    splits = {name: _numbers(fields[name], n_leaves - 1) for name in _SPLIT_FIELDS}
    splits["threshold"] = _numbers(fields["threshold"], n_leaves - 1, finite=False)
    for name in (*_SPLIT_FIELDS_FOR_PEOPLE, *_LEAF_FIELDS):
        if n_leaves > 1 or name == "leaf_value":
            _numbers(fields[name], n_leaves if name in _LEAF_FIELDS else n_leaves - 1)
    if fields["is_linear"] != "0":
        raise ValueError("it has linear trees")
    if not ((splits["split_feature"] >= 0) & (splits["split_feature"] < n_features)).all():
        raise ValueError("a tree splits a feature that is not there")
    children = np.concatenate([splits["left_child"], splits["right_child"]])
    parents = np.tile(np.arange(n_leaves - 1), 2)
    # a child is a later split or, negative, a leaf: so every walk comes to an end
    if not np.where(
        children >= 0, (parents < children) & (children < n_leaves - 1), ~children.astype(int) < n_leaves
    ).all():
        raise ValueError("a tree has a branch that leads nowhere")
    _check_categories(fields, splits)


def _check_categories(fields: dict[str, str], splits: dict[str, np.ndarray]) -> None:
    categorical = (splits["decision_type"].astype(int) & _CATEGORICAL).astype(bool)
    n_sets = int(fields["num_cat"])
    used = splits["threshold"][categorical]
    if not ((used >= 0) & (used < n_sets)).all():
        raise ValueError("a tree asks for a set of categories that is not there")
    if n_sets > 0:
        bounds = _numbers(fields["cat_boundaries"], n_sets + 1)
        _numbers(fields["cat_threshold"], int(bounds[-1]))
        if bounds[0] != 0 or (np.diff(bounds) < 0).any():
            raise ValueError("a tree has sets of categories out of order")


def _numbers(text: str, count: int, *, finite: bool = True) -> np.ndarray:
    numbers = np.array(text.split(), dtype=float)
    # a split of known against missing values has an infinite threshold
    good = np.isfinite(numbers) if finite else ~np.isnan(numbers)
    if len(numbers) != count or not good.all():
        raise ValueError(
            f"expected {count} numbers, got {int(good.sum())} of {len(numbers)} that can be used"
        )
    return numbers
