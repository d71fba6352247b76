"""Where the pictures of a file of listings are looked for, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pricelm.core.errors import ConfigError
from pricelm.models.image_member import ImageMember
from pricelm.models.picture_vectors import counts_summary
from pricelm.models.price_model import PriceModel


def picture_folder(listings: str | Path, given: Path | None) -> Path | None:
    """Return the folder outside which no picture is read.

    Parameters
    ----------
    listings : str or pathlib.Path
        File or database address of the listings.
    given : pathlib.Path or None
        The folder that was asked for.

    Returns
    -------
    pathlib.Path or None
        It, or the folder of the listings; None, the working directory, for a database.

    Raises
    ------
    ConfigError
        If the folder that was asked for is none.

    Examples
    --------
    >>> picture_folder("shop/listings.csv", None).as_posix()
    'shop'
    """
    if given is not None:
        if not given.is_dir():
            raise ConfigError(f"expected a folder of pictures, got {given}; name one that is there")
        return given
    if "://" in str(listings):
        return None
    return Path(listings).parent


def picture_counts(model: PriceModel) -> dict[str, int]:
    """Return how many pictures a model has read since it was loaded, and how many not, by reason.

    Returns
    -------
    dict of str to int
        Empty if it has no image member.
    """
    member = model.members_.get("image")
    return dict(member.pictures.counts) if isinstance(member, ImageMember) else {}


def picture_line(counts: Mapping[str, int]) -> str:
    """Return the same as one line for people, empty if there is nothing to say."""
    return counts_summary(counts) if counts else ""
