"""Pictures of listings: found inside one folder, checked before they are decoded, and made one size.

A picture that cannot be used is a short reason and no exception: one broken file among a million
must not end a run, and must not be passed over in silence either. Nothing is ever fetched.
"""

from __future__ import annotations

import io
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pricelm.core.extras import require

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""What is decoded; every further decoder would be one more door."""

_NO_PICTURE = "no picture given"
_URL = "URL not fetched: download the pictures and give paths"
_OUTSIDE = "outside the picture folder"
_MISSING = "file not found"
_EMPTY = "empty file"
_OTHER_FORMAT = "not a JPEG, PNG, WebP, GIF or BMP picture"
_BROKEN = "corrupt or truncated picture"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
_WHITE = (255, 255, 255)
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_BYTES_IN_A_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class PictureLimits:
    """What a picture may cost.

    Parameters
    ----------
    file_bytes : int, default 20,000,000
        Largest file that is read.
    pixels : int, default 64,000,000
        Most pixels that are decoded; their number is taken from the header, before that.
    """

    file_bytes: int = 20_000_000
    pixels: int = 64_000_000


def read_picture(value: str, root: Path, limits: PictureLimits = PictureLimits()) -> tuple[bytes, str]:
    """Read the file that a listing names.

    Parameters
    ----------
    value : str
        What stands in the image column: a path, absolute or relative to ``root``.
    root : pathlib.Path
        The picture folder. Nothing outside it is read, whether the way out is an absolute path,
        ``..`` or a symbolic link: who writes a listing must not choose which files are opened.
    limits : PictureLimits
        What a picture may cost.

    Returns
    -------
    content : bytes
        The file's content, empty if it cannot be used.
    reason : str
        Why it cannot be used, or an empty string.

    Examples
    --------
    >>> read_picture("https://example.org/mug.jpg", Path("."))
    (b'', 'URL not fetched: download the pictures and give paths')
    """
    if not value:
        return b"", _NO_PICTURE
    if _SCHEME.match(value):
        return b"", _URL
    try:
        folder = root.resolve()
        path = (folder / value).resolve()
        if not path.is_relative_to(folder):
            return b"", _OUTSIDE
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            return b"", "not a file"
        if status.st_size > limits.file_bytes:
            return b"", f"file larger than {limits.file_bytes / _BYTES_IN_A_MEGABYTE:g} MB"
        with path.open("rb") as file:
            content = file.read(limits.file_bytes)
    except FileNotFoundError:
        return b"", _MISSING
    except (OSError, ValueError, RuntimeError) as error:
        # a name with a null byte, a loop of links, a name too long, no permission
        return b"", f"file cannot be read ({type(error).__name__})"
    return (content, "") if content else (b"", _EMPTY)


def decode_picture(
    content: bytes, side: int, limits: PictureLimits = PictureLimits()
) -> tuple[np.ndarray | None, str]:
    """Decode a picture into a square of bytes.

    The first frame is taken, turned the way its EXIF data says, put on white where it is transparent,
    and scaled into the square with its proportions kept and the rest white.

    Parameters
    ----------
    content : bytes
        Content of the file.
    side : int
        Height and width of the square, in pixels.
    limits : PictureLimits
        What a picture may cost.

    Returns
    -------
    pixels : ndarray of shape (side, side, 3) or None
        RGB, unsigned bytes; None if it cannot be used.
    reason : str
        Why it cannot be used, or an empty string.

    Raises
    ------
    MissingExtraError
        If Pillow is not installed.

    Examples
    --------
    >>> decode_picture(b"not a picture", 8)
    (None, 'not a JPEG, PNG, WebP, GIF or BMP picture')
    """
    image_module = require("PIL.Image", extra="images", purpose="read pictures")
    too_large = f"more than {limits.pixels:,} pixels"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limits warn; ours refuse
            with image_module.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > limits.pixels:
                    return None, too_large
                image.draft(None, (side, side))  # a JPEG is decoded no larger than it is needed
                image.load()
                return _square(_rgb(_upright(image)), side), ""
    except image_module.UnidentifiedImageError:
        return None, _OTHER_FORMAT
    except image_module.DecompressionBombError:
        return None, too_large
    except Exception:
        # Decoders meet damaged files with errors of every kind; all mean the same to a listing.
        return None, _BROKEN


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data is no reason to do without the picture
        return image


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in _DEEP_MODES:
        values = np.asarray(image, dtype=np.float64)
        deepest = 65535.0 if values.max(initial=0.0) > 255 else 255.0
        image = Image.fromarray(np.clip(values * (255.0 / deepest), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (*_WHITE, 255))
        image.alpha_composite(layer)
    return image.convert("RGB")


def _square(image: Image.Image, side: int) -> np.ndarray:
    from PIL import Image

    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (side, side), _WHITE)
    place = ((side - size[0]) // 2, (side - size[1]) // 2)
    canvas.paste(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0), place)
    return np.asarray(canvas).copy()
