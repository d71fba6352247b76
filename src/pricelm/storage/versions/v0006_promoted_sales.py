"""Sales know whether a promotion ran."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the share of a sale that was promoted; of earlier rows it is not known."""
    op.add_column("sales", sa.Column("promoted", sa.Float(), nullable=True))
