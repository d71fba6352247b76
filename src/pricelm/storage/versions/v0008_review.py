"""Review items are known by what is written, and quotes can be pruned with their listings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the fingerprint of an item, and the indexes that counting and pruning need."""
    # items of before keep none: the same listing may have been queued twice then
    op.add_column("review_items", sa.Column("fingerprint", sa.String(64), nullable=True))
    op.create_index("ix_review_items_fingerprint", "review_items", ["fingerprint"], unique=True)
    op.create_index("ix_review_items_at", "review_items", ["at"])
    op.create_index("ix_review_items_document", "review_items", ["document"])
    op.create_index("ix_quotes_document", "quotes", ["document"])
