"""Drawn pictures whose price is known: the shape, its size and its color make it, or do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

COLORS = {"red": ((200, 40, 40), 1.0), "green": ((40, 160, 60), 2.0), "blue": ((40, 60, 200), 4.0)}
SHAPES = {"disc": 1.0, "square": 1.7}
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll")
SIDE = 64


def drawn_shop(folder: Path, n: int, *, priced_by_picture: bool, seed: int = 0) -> pd.DataFrame:
    """Draw n pictures into a folder and return their listings, whose texts say nothing of the picture.

    Material (in the text) makes half of the price; shape, size and color (in the picture) make the other
    half if ``priced_by_picture`` is set, and nothing otherwise. The noise is 10 %.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number in range(
        1000 * seed, 1000 * seed + n
    ):  # a number that returns would be a word to learn by heart
        color, shape = random.choice(list(COLORS)), random.choice(list(SHAPES))
        radius = int(random.integers(8, 30))
        paint, worth = COLORS[color]
        canvas = Image.new("RGB", (SIDE, SIDE), (250, 250, 250))
        box = (SIDE // 2 - radius, SIDE // 2 - radius, SIDE // 2 + radius, SIDE // 2 + radius)
        draw = ImageDraw.Draw(canvas)
        (draw.ellipse if shape == "disc" else draw.rectangle)(box, fill=paint)
        canvas.save(folder / f"{number}.png")
        material, cost = [("paper", 5.0), ("wood", 12.0), ("steel", 30.0)][random.integers(3)]
        seen = worth * SHAPES[shape] * radius / 16 if priced_by_picture else 1.0
        words = " ".join(random.choice(WORDS, 3))
        rows.append(
            (
                f"{words} sign of {material} no {number}",
                f"{number}.png",
                cost * seen * np.exp(random.normal(0, 0.1)),
            )
        )
    return pd.DataFrame(rows, columns=["title", "image", "price"])
