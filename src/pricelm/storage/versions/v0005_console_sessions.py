"""Sessions of the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table of sessions."""
    op.create_table(
        "console_sessions",
        sa.Column("secret_sha256", sa.String(64), primary_key=True),
        sa.Column("user", sa.Integer(), nullable=False),
        sa.Column("begun", _TIME, nullable=False),
        sa.Column("seen", _TIME, nullable=False),
        sa.Column("ends", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name="fk_console_sessions_user_users"),
    )
    op.create_index("ix_console_sessions_user", "console_sessions", ["user"])
