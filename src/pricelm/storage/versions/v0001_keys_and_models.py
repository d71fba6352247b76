"""Keys, model versions, changes of the registry, outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("listings_per_second", sa.Float(), nullable=True),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("revoked", _TIME, nullable=True),
    )
    op.create_table(
        "model_versions",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("promoted", _TIME, nullable=True),
        sa.UniqueConstraint("fingerprint", name="uq_model_versions_fingerprint"),
    )
    only_one = sa.text("state in ('active', 'canary', 'shadow')")
    op.create_index(
        "ix_model_versions_one_of_each",
        "model_versions",
        ["state"],
        unique=True,
        sqlite_where=only_one,
        postgresql_where=only_one,
    )
    op.create_table(
        "registry_changes",
        sa.Column("change", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["model_versions.version"], name="fk_registry_changes_version_model_versions"
        ),
    )
    op.create_table(
        "outcomes",
        sa.Column("row", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("log_error", sa.Float(), nullable=False),
        sa.Column("covered", sa.Boolean(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["model_versions.version"], name="fk_outcomes_version_model_versions"
        ),
        sa.UniqueConstraint("outcome", "version", name="uq_outcomes_outcome"),
    )
    op.create_index("ix_outcomes_version", "outcomes", ["version"])
