"""Plans, what was decided about them, and prices that go out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_AMOUNT = sa.BigInteger()
_WAITING = sa.text("state = 'pending'")


def upgrade() -> None:
    """Make the tables of decisions."""
    op.create_table(
        "deliveries",
        sa.Column("delivery", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scope", sa.String(240), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("finished", _TIME, nullable=True),
    )
    op.create_index(
        "ix_deliveries_one_pending",
        "deliveries",
        ["kind", "scope"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "batches",
        sa.Column("batch", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("rules", sa.String(64), nullable=True),
        sa.Column("model_version", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("recommendations", sa.Integer(), nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"], ["model_versions.version"], name="fk_batches_model_version_model_versions"
        ),
        sa.ForeignKeyConstraint(["snapshot"], ["documents.sha256"], name="fk_batches_snapshot_documents"),
        sa.ForeignKeyConstraint(["rules"], ["documents.sha256"], name="fk_batches_rules_documents"),
    )
    op.create_index("ix_batches_created", "batches", ["created"])
    op.create_table(
        "recommendations",
        sa.Column("recommendation", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(200), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("current_price", _AMOUNT, nullable=False),
        sa.Column("proposed_price", _AMOUNT, nullable=False),
        sa.Column("price_low", _AMOUNT, nullable=False),
        sa.Column("price_high", _AMOUNT, nullable=False),
        sa.Column("units", sa.Float(), nullable=True),
        sa.Column("revenue", sa.Float(), nullable=True),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("gain", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_price", _AMOUNT, nullable=True),
        sa.Column("edited_by", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.batch"], name="fk_recommendations_batch_batches"),
        sa.UniqueConstraint("batch", "sku", name="uq_recommendations_batch"),
    )
    op.create_index("ix_recommendations_sku_recommendation", "recommendations", ["sku", "recommendation"])
    op.create_index("ix_recommendations_state_batch", "recommendations", ["state", "batch"])
    op.create_table(
        "approvals",
        sa.Column("approval", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("recommendation", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("price", _AMOUNT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recommendation"],
            ["recommendations.recommendation"],
            name="fk_approvals_recommendation_recommendations",
        ),
    )
    op.create_index("ix_approvals_recommendation", "approvals", ["recommendation"])
    op.create_table(
        "price_changes",
        sa.Column("change", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("recommendation", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sku", sa.String(200), nullable=False),
        sa.Column("old_price", _AMOUNT, nullable=False),
        sa.Column("new_price", _AMOUNT, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("delivered", _TIME, nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recommendation"],
            ["recommendations.recommendation"],
            name="fk_price_changes_recommendation_recommendations",
        ),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.delivery"], name="fk_price_changes_delivery_deliveries"
        ),
        sa.ForeignKeyConstraint(["batch"], ["batches.batch"], name="fk_price_changes_batch_batches"),
        sa.UniqueConstraint("key", name="uq_price_changes_key"),
    )
    op.create_index("ix_price_changes_batch", "price_changes", ["batch"])
    op.create_index("ix_price_changes_delivered", "price_changes", ["delivered"])
    op.create_index("ix_price_changes_delivery_state", "price_changes", ["delivery", "state"])
    op.create_index(
        "ix_price_changes_one_pending",
        "price_changes",
        ["sku"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_price_changes_recommendation", "price_changes", ["recommendation"])
    op.create_index("ix_price_changes_sku_change", "price_changes", ["sku", "change"])
    op.create_table(
        "prices_in_force",
        sa.Column("sku", sa.String(200), primary_key=True),
        sa.Column("price", _AMOUNT, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change"], ["price_changes.change"], name="fk_prices_in_force_change_price_changes"
        ),
    )
