"""Weights of the matcher that needs no labels.

Logistic regression on the labelled pairs of three public catalogs of electronics, software and household
goods, those for testing left out. `python -m benchmarks.competition` tells what such weights are worth at a
shop that they were not learned on.
"""

from __future__ import annotations

WEIGHTS: dict[str, float] = {
    "word_lead_own": 3.751,
    "word_lead_theirs": -0.62,
    "character_lead_own": 2.666,
    "character_lead_theirs": 2.944,
    "word_overlap": -1.167,
    "quantities_contradict": -2.641,
    "rarest_shared": 1.618,
    "rarest_own_only": -2.598,
    "own_model_found": 3.49,
    "numbers_own_only": -0.33,
    "intercept": -0.145,
}
THRESHOLD = 0.4
