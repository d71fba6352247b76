"""Weights of the matcher that needs no labels."""

from __future__ import annotations

WEIGHTS: dict[str, float] = {"intercept": 0.0}
