"""Pictures are found inside one folder, checked before they are decoded, and never end a run."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pricelm.catalog.pictures import PictureLimits, decode_picture, read_picture

SIDE = 16
RED = (200, 30, 40)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture as the content of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(mode: str = "RGB", size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    return Image.new("RGB", size, RED).convert(mode)


def decoded(content: bytes, **limits: int) -> np.ndarray:
    """Return the pixels of a picture that must be usable."""
    pixels, reason = decode_picture(content, SIDE, PictureLimits(**limits))
    assert reason == ""
    assert pixels is not None
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    return pixels


def refused(content: bytes, **limits: int) -> str:
    """Return why a picture is refused."""
    pixels, reason = decode_picture(content, SIDE, PictureLimits(**limits))
    assert pixels is None
    return reason


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header promises a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_every_allowed_format_is_decoded(kind: str) -> None:
    assert np.abs(decoded(encoded(plain(), kind)).astype(int) - RED).max() <= 12


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO", "TGA", "PCX", "PDF"])
def test_every_other_format_is_refused(kind: str) -> None:
    assert refused(encoded(plain(size=(32, 32)), kind)) == "not a JPEG, PNG, WebP, GIF or BMP picture"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_cut_short_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content = encoded(noise, kind)
    assert refused(content[: len(content) // 2]) == "corrupt or truncated picture"


def test_any_damage_is_a_reason_and_no_exception() -> None:
    random = np.random.default_rng(0)
    reasons = set()
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        whole = encoded(Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)), kind)
        for _ in range(60):
            damaged = bytearray(whole)
            for place in random.integers(0, len(damaged), 4):
                damaged[place] = random.integers(256)
            pixels, reason = decode_picture(bytes(damaged), SIDE, PictureLimits(pixels=1_000_000))
            assert (pixels is None) == bool(reason)
            reasons.add(reason)
    assert "corrupt or truncated picture" in reasons


@pytest.mark.parametrize("size", [(9_000, 9_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int], monkeypatch: Any) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    assert refused(bomb(*size)) == "more than 64,000,000 pixels"


def test_a_text_bomb_is_refused() -> None:
    from PIL import PngImagePlugin

    note = PngImagePlugin.PngInfo()
    note.add_text("note", "x" * 5_000_000, zip=True)
    assert refused(encoded(plain(), pnginfo=note)) == "corrupt or truncated picture"


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [plain(), Image.new("RGB", (SIDE, SIDE), (0, 0, 255))]
    for kind in ("GIF", "WEBP", "PNG"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(decoded(content).astype(int) - RED).max() <= 12


def test_cmyk_is_understood() -> None:
    assert np.abs(decoded(encoded(plain("CMYK"), "JPEG")).astype(int) - RED).max() <= 12


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    assert decoded(encoded(plain(mode))).std() < 120


def test_what_is_transparent_is_white() -> None:
    layer = Image.new("RGBA", (SIDE, SIDE), (*RED, 0))
    layer.paste((*RED, 255), (0, 0, SIDE // 2, SIDE))
    for image in (layer, layer.convert("P")):
        pixels = decoded(encoded(image))
        assert np.abs(pixels[8, 2].astype(int) - RED).max() < 40
        assert pixels[8, 14].min() > 250


def test_a_transparent_color_of_a_palette_is_white() -> None:
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([*RED, 0, 0, 200])
    assert decoded(encoded(image, transparency=1)).min() > 250
    assert np.abs(decoded(encoded(image)).astype(int) - (0, 0, 200)).max() < 10


@pytest.mark.parametrize("half", [100, 40_000])
def test_sixteen_bits_keep_their_shades(half: int) -> None:
    values = np.zeros((SIDE, SIDE), dtype=np.uint16)
    values[:, 8:] = 65_535
    values[:, 4:8] = half
    pixels = decoded(encoded(Image.fromarray(values)))
    assert pixels[8, 14].min() == 255
    assert abs(int(pixels[8, 5, 0]) - half // 257) <= 25
    assert pixels[8, 1].max() <= 5


def test_exif_turns_the_picture() -> None:
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    image.paste(RED, (0, 0, SIDE, SIDE // 2))
    turned = Image.Exif()
    turned[0x0112] = 3
    upright, upside_down = decoded(encoded(image, "JPEG")), decoded(encoded(image, "JPEG", exif=turned))
    assert upright[2, 8, 1] < 80 < 200 < upright[13, 8, 1]
    assert upside_down[13, 8, 1] < 80 < 200 < upside_down[2, 8, 1]


def test_damaged_exif_is_passed_over() -> None:
    assert decoded(encoded(plain(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).std() < 120


def test_the_proportions_are_kept() -> None:
    pixels = decoded(encoded(plain(size=(64, 16))))
    assert pixels[0].min() == pixels[-1].min() == 255
    assert np.abs(pixels[8].astype(int) - RED).max() < 40
    assert (decoded(encoded(plain(size=(3_000, 1)))) < 250).any()


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "mug  1.png").write_bytes(b"content")
    assert read_picture("mug  1.png", tmp_path) == (b"content", "")
    assert read_picture(str(tmp_path / "mug  1.png"), tmp_path) == (b"content", "")


@pytest.mark.parametrize(
    "value",
    [
        "../secret.png",
        "inner/../../secret.png",
        "link.png",
        "linked/secret.png",
        "{outside}/secret.png",
        "~/secret.png/../../../secret.png",
    ],
)
def test_nothing_outside_the_folder_is_read(value: str, tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    (root / "inner").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "linked").symlink_to(tmp_path)
    content, reason = read_picture(value.format(outside=tmp_path), root)
    assert (content, reason) == (b"", "outside the picture folder")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"a")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    assert read_picture("a.png", tmp_path / "linked") == (b"a", "")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "no picture given"),
        ("https://example.org/a.jpg", "URL not fetched: download the pictures and give paths"),
        ("HTTP://example.org/a.jpg", "URL not fetched: download the pictures and give paths"),
        ("//cdn.example.org/a.jpg", "URL not fetched: download the pictures and give paths"),
        ("file:///etc/passwd", "URL not fetched: download the pictures and give paths"),
        ("data:image/png;base64,AAAA", "URL not fetched: download the pictures and give paths"),
        ("nowhere.png", "file not found"),
        ("empty.png", "empty file"),
        ("folder", "not a file"),
        ("pipe", "not a file"),
        ("large.png", "file larger than 0.001 MB"),
        ("a\0b.png", "file cannot be read (ValueError)"),
        ("loop.png", "file cannot be read (RuntimeError)"),
        ("x" * 5000, "file cannot be read (OSError)"),
    ],
)
def test_what_cannot_be_read_has_a_reason(value: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(b"x" * 1001)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe")
    assert read_picture(value, tmp_path, PictureLimits(file_bytes=1000)) == (b"", reason)
