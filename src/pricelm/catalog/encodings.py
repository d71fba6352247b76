"""From bytes to text: which encoding a file has, and its lines decoded block by block.

UTF-8 is expected. UTF-16 and UTF-32 are recognized by their mark or their zero bytes. Lines that are not
UTF-8 are read as GB18030 when their bytes look Chinese and as Windows-1252 otherwise, so that one line of
another encoding in a large file spoils nothing but itself.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from pricelm.catalog.streams import ReadLimits
from pricelm.core.errors import LimitError, ReadError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a")) + b"\x7f"
# The 3,755 everyday characters and the punctuation of GB2312: Chinese text consists of them, while Western
# or Cyrillic text in a one-byte encoding rarely makes such pairs.
_CHINESE_PAIR = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")
_SAMPLE_BYTES = 1 << 16
_MOST_CONTROLS = 0.01
_LEAST_CHINESE = 0.7


def sniff_encoding(sample: bytes, source: object) -> tuple[str, int]:
    """Tell the encoding of a file from its first bytes.

    Parameters
    ----------
    sample : bytes
        The beginning of the file; 64 KiB of it are looked at.
    source : object
        Named in the error message.

    Returns
    -------
    (str, int)
        Codec name and the length of the byte order mark. ``"utf-8"`` stands for every encoding that
        extends ASCII.

    Raises
    ------
    ReadError
        If the bytes are not text.

    Examples
    --------
    >>> sniff_encoding("title,price".encode("utf-16-le"), "a.csv")
    ('utf-16-le', 0)
    """
    for mark, codec in _MARKS:
        if sample.startswith(mark):
            return codec, len(mark)
    sample = sample[: min(len(sample), _SAMPLE_BYTES) // 2 * 2] or sample
    if b"\x00" in sample:
        # Delimiters, digits and line ends are ASCII in any language: in the right byte order they show.
        shares = {codec: _plain_share(sample, codec) for codec in ("utf-16-le", "utf-16-be")}
        codec = max(shares, key=lambda name: shares[name])
        if shares[codec] >= 0.02:
            return codec, 0
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > _MOST_CONTROLS * len(sample):
        raise ReadError(
            f"{source}: expected text, got binary data ({controls:,} control bytes in the first "
            f"{len(sample):,}). Export it as CSV, TSV, JSON Lines, Parquet or xlsx"
        )
    return "utf-8", 0


def _plain_share(sample: bytes, codec: str) -> float:
    """Share of ASCII characters if the sample is text in ``codec``, else -1."""
    text = sample.decode(codec, errors="replace")
    if sum(text.count(sign) for sign in "\x00\ufffd\uffff\ufffe") > _MOST_CONTROLS * len(text):
        return -1.0
    plain = sum(character.isascii() for character in text)
    controls = sum(character < " " and character not in "\t\n\v\f\r" for character in text)
    return -1.0 if controls > _MOST_CONTROLS * len(text) else plain / len(text)


class TextBlocks:
    """Decodes byte blocks into text blocks that end at line ends.

    Parameters
    ----------
    blocks : iterable of bytes
        The file's bytes in order.
    limits : ReadLimits
        ``max_line_bytes`` bounds what is held in memory.
    source : object
        Named in error messages.

    Attributes
    ----------
    encoding : str
        What was read so far, for example ``"utf-8"`` or ``"utf-8, some lines gb18030"``.

    Examples
    --------
    >>> list(TextBlocks([b"a,b\\n1", b",2\\n"], ReadLimits(), "a.csv"))
    ['a,b\\n', '1,2\\n']
    """

    def __init__(self, blocks: Iterable[bytes], limits: ReadLimits, source: object) -> None:
        self._blocks = iter(blocks)
        self._limits = limits
        self._source = source
        self._fallback: str | None = None
        self.encoding = "utf-8"

    def __iter__(self) -> Iterator[str]:
        """Yield text blocks; raise ReadError or LimitError where the file is at fault."""
        first = next(self._blocks, b"")
        codec, mark = sniff_encoding(first, self._source)
        self.encoding = codec
        blocks = self._whole(first[mark:])
        for lines in self._by_line(blocks if codec == "utf-8" else self._transcoded(blocks, codec)):
            text = self._decoded(lines)
            yield text.replace("\x00", "") if "\x00" in text else text

    def _whole(self, first: bytes) -> Iterator[bytes]:
        yield first
        yield from self._blocks

    def _transcoded(self, blocks: Iterator[bytes], codec: str) -> Iterator[bytes]:
        """Turn UTF-16 or UTF-32 into UTF-8, where a line end is one byte that means nothing else."""
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            for block in blocks:
                yield decoder.decode(block).encode("utf-8")
            yield decoder.decode(b"", final=True).encode("utf-8")
        except UnicodeError as error:
            raise ReadError(
                f"{self._source}: expected {codec.upper()}, but the bytes break its rules ({error}). The "
                "file may be truncated; save it again as UTF-8"
            ) from error

    def _by_line(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        held: list[bytes] = []
        held_bytes = 0
        for block in blocks:
            cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if cut:
                yield b"".join([*held, block[:cut]])
                held, held_bytes, block = [], 0, block[cut:]
            held.append(block)
            held_bytes += len(block)
            if held_bytes > self._limits.max_line_bytes:
                raise LimitError(
                    f"{self._source}: expected lines of at most {self._limits.max_line_bytes:,} bytes, got a "
                    "longer one. Check that the file has line ends, or raise ReadLimits(max_line_bytes=...)"
                )
        if held_bytes:
            yield b"".join(held)

    def _decoded(self, lines: bytes) -> str:
        try:
            return lines.decode("utf-8")
        except UnicodeDecodeError:
            pieces = lines.splitlines(keepends=True)
        if self._fallback is None:
            self._fallback = _legacy_codec(b"".join(piece for piece in pieces if not _is_utf8(piece)))
            self.encoding = f"{self.encoding}, some lines {self._fallback}"
        legacy = self._fallback
        return "".join(
            piece.decode("utf-8") if _is_utf8(piece) else piece.decode(legacy, errors="replace")
            for piece in pieces
        )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _legacy_codec(lines: bytes) -> str:
    high = len(lines) - len(lines.translate(None, bytes(range(128, 256))))
    chinese = 2 * len(_CHINESE_PAIR.findall(lines))
    return "gb18030" if chinese >= _LEAST_CHINESE * high else "cp1252"
