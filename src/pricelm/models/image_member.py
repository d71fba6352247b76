"""The image member: what a frozen picture encoder sees, and a ridge regression on it.

It has nothing to say of a listing without a usable picture and then answers NaN; the blend
prices such a listing as if there were no image member.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import RidgeCV

from pricelm.core.errors import BackboneError, MissingExtraError
from pricelm.core.extras import require
from pricelm.core.protocols import Progress, Silence
from pricelm.models.image_encoder import load_encoder
from pricelm.models.member import FitContext
from pricelm.models.picture_vectors import READ, PictureVectors
from pricelm.models.text import FeatureColumns, strings

FEWEST_PICTURES = 60
_FEWEST_FOR_A_RIDGE = 10
_ALPHAS = tuple(np.logspace(0, 5, 11))


class ImageMember:
    """Ridge regression of the log price on the vectors of the pictures.

    Parameters
    ----------
    pictures : PictureVectors, optional
        Reads and remembers the pictures; the members of all folds share one.
    progress : Progress, optional
        Told how far the first reading of the pictures is.

    Attributes
    ----------
    coefficients_ : ndarray of shape (width,)
        Effect of each number of a vector on the log price.
    summary_ : str
        How many pictures were read in fitting, and why the others were not.
    """

    name = "image"

    def __init__(self, pictures: PictureVectors | None = None, progress: Progress | None = None) -> None:
        self.pictures = pictures or PictureVectors()
        self._progress = progress or Silence()
        self.summary_ = ""

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        """Refuse without pictures, with too few that can be read, or without the extra ``images``."""
        places = strings(listings, "image")
        named = sum(bool(place) for place in places)
        if named < FEWEST_PICTURES:
            return f"{named} listings name a picture, {FEWEST_PICTURES} are needed"
        try:
            require("PIL.Image", extra="images", purpose="read pictures")
            pictures, _ = self.pictures, self.pictures.encoder
        except (MissingExtraError, BackboneError) as error:
            return str(error)
        self._progress.start("looking at the pictures", len(places))
        pictures.of(places, self._progress)
        self._progress.say(pictures.summary())
        if pictures.counts[READ] < FEWEST_PICTURES:
            return f"{pictures.summary()}; {FEWEST_PICTURES} are needed"
        return ""

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> ImageMember:
        """Learn log prices from the listings that have a usable picture."""
        self.pictures.counts.clear()
        vectors = self.pictures.of(strings(listings, "image"))
        self.summary_ = self.pictures.summary()
        self.pictures.counts.clear()
        seen = ~np.isnan(vectors[:, 0])
        self.middle_ = np.zeros(vectors.shape[1])
        self.coefficients_ = np.zeros(vectors.shape[1])
        self.intercept_ = float(np.mean(target[seen] if seen.any() else target))
        if seen.sum() >= _FEWEST_FOR_A_RIDGE:
            table = vectors[seen].astype(np.float64)
            self.middle_ = table.mean(axis=0)
            # One scale for all: what an encoder makes little of stays little. It did better than z-scores.
            scale = float(np.sqrt(table.var(axis=0).mean())) or 1.0
            ridge = RidgeCV(alphas=_ALPHAS).fit((table - self.middle_) / scale, target[seen])
            self.coefficients_ = ridge.coef_ / scale
            self.intercept_ = float(ridge.intercept_)
        return self

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, shape (n,); NaN where there is no usable picture."""
        vectors = self.pictures.of(strings(listings, "image"))
        return (vectors.astype(np.float64) - self.middle_) @ self.coefficients_ + self.intercept_

    def save(self, folder: Path) -> None:
        """Write the regression and the encoder as safetensors and JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"coefficients": self.coefficients_, "middle": self.middle_}, folder / "ridge.safetensors")
        encoder = self.pictures.encoder
        document = {"encoder": encoder.name, "intercept": self.intercept_, "summary": self.summary_}
        (folder / "image.json").write_text(json.dumps(document), encoding="utf-8")
        encoder.save(folder)

    @classmethod
    def load(cls, folder: Path, *, root: Path | None = None) -> ImageMember:
        """Read what `save` wrote; pictures are looked for in ``root``."""
        require("PIL.Image", extra="images", purpose="read pictures")
        member = cls(PictureVectors(load_encoder(folder), root))
        document = json.loads((folder / "image.json").read_text(encoding="utf-8"))
        member.intercept_, member.summary_ = document["intercept"], document["summary"]
        ridge = load_file(folder / "ridge.safetensors")
        member.coefficients_, member.middle_ = ridge["coefficients"], ridge["middle"]
        return member
