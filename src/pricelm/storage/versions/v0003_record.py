"""Documents, rules, audit log, and the people and things around them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_AMOUNT = sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alerts",
        sa.Column("alert", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("sku", sa.String(200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("handled_by", sa.String(120), nullable=False),
        sa.Column("handled", _TIME, nullable=True),
    )
    op.create_index("ix_alerts_sku_alert", "alerts", ["sku", "alert"])
    op.create_index("ix_alerts_state_alert", "alerts", ["state", "alert"])
    op.create_table(
        "audit",
        sa.Column("entry", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(240), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "audit_anchor",
        sa.Column("anchor", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "documents",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
    )
    op.create_table(
        "experiments",
        sa.Column("experiment", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME, nullable=True),
        sa.Column("design", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.UniqueConstraint("name", name="uq_experiments_name"),
    )
    op.create_table(
        "users",
        sa.Column("user", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", _TIME, nullable=True),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("disabled", _TIME, nullable=True),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "quotes",
        sa.Column("quote", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=True),
        sa.Column("listing_id", sa.String(200), nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("predicted_price", _AMOUNT, nullable=False),
        sa.Column("price_lower", _AMOUNT, nullable=False),
        sa.Column("price_upper", _AMOUNT, nullable=False),
        sa.Column("confidence_level", sa.Float(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"], ["model_versions.version"], name="fk_quotes_model_version_model_versions"
        ),
        sa.ForeignKeyConstraint(["document"], ["documents.sha256"], name="fk_quotes_document_documents"),
    )
    op.create_index("ix_quotes_at", "quotes", ["at"])
    op.create_index("ix_quotes_listing_id_at", "quotes", ["listing_id", "at"])
    op.create_table(
        "review_items",
        sa.Column("item", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("listing_id", sa.String(200), nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("label", _AMOUNT, nullable=True),
        sa.Column("reviewer", sa.String(120), nullable=False),
        sa.Column("reviewed", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["document"], ["documents.sha256"], name="fk_review_items_document_documents"
        ),
    )
    op.create_index("ix_review_items_state_item", "review_items", ["state", "item"])
    op.create_table(
        "rule_versions",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["document"], ["documents.sha256"], name="fk_rule_versions_document_documents"
        ),
    )
    op.execute(
        sa.text("insert into audit_anchor (anchor, entries, sha256) values (1, 0, :start)").bindparams(
            start="0" * 64
        )
    )
    _forbid_changes()


def _forbid_changes() -> None:
    """Let the database refuse to change or delete what was written into the audit log."""
    words = "the audit log only grows"
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"create trigger audit_no_{change} before {change} on audit "
                f"begin select raise(abort, '{words}'); end"
            )
        return
    op.execute(
        "create function audit_only_grows() returns trigger language plpgsql as "
        f"$$ begin raise exception '{words}'; end $$"
    )
    op.execute(
        "create trigger audit_only_grows before update or delete or truncate on audit "
        "for each statement execute function audit_only_grows()"
    )
