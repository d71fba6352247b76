"""A store of each kind: every test of this room runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pricelm.storage.database import Store, open_store


@pytest.fixture
def url(store_url: str) -> str:
    """Address of an empty database."""
    return store_url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store."""
    opened = open_store(url)
    yield opened
    opened.close()
