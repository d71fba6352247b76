"""Documents: what decisions were made from, kept once under the hash of their content."""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.core.errors import StoreError
from pricelm.storage.base import Base, UtcTime, upserting, utc_now

_MOST_BYTES = 512 << 20


class Document(Base):
    """One document; its key is the SHA-256 of its content, so that the same content is kept once."""

    __tablename__ = "documents"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    size_bytes: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime] = mapped_column(UtcTime)


def put_document(session: Session, kind: str, text: str) -> str:
    """Keep a document and return its key.

    Raises
    ------
    StoreError
        If it is larger than 512 MB.
    """
    content = text.encode("utf-8", errors="surrogatepass")
    if len(content) > _MOST_BYTES:
        raise StoreError(f"expected a {kind} document of at most {_MOST_BYTES:,} bytes, got {len(content):,}")
    key = hashlib.sha256(content).hexdigest()
    row = {
        "sha256": key,
        "kind": kind,
        "size_bytes": len(content),
        "content": zlib.compress(content),
        "created": utc_now(),
    }
    session.execute(upserting(session, Document).on_conflict_do_nothing(), [row])
    return key


def get_document(session: Session, key: str) -> str:
    """Return a document.

    Raises
    ------
    StoreError
        If there is none, or it is not what was stored.
    """
    row = session.get(Document, key)
    if row is None:
        raise StoreError(f"expected a document {key[:12]}..., and it is gone: restore a backup")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(row.content, min(row.size_bytes, _MOST_BYTES) + 1)
    except zlib.error as error:
        raise _changed(key) from error
    if hashlib.sha256(content).hexdigest() != key:
        raise _changed(key)
    return content.decode("utf-8", errors="surrogatepass")


def _changed(key: str) -> StoreError:
    return StoreError(
        f"the document {key[:12]}... is not what was stored: somebody changed it; restore a backup"
    )
