"""Listings, sellers, observations, the market's newest prices, sales."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_AMOUNT = sa.BigInteger()


def upgrade() -> None:
    """Make the tables of the market."""
    op.create_table(
        "listings",
        sa.Column("listing", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("sku", sa.String(200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("brand", sa.String(200), nullable=False),
        sa.Column("category", sa.String(400), nullable=False),
        sa.Column("condition", sa.String(80), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("price", _AMOUNT, nullable=True),
        sa.Column("listed_at", _TIME, nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("changed", _TIME, nullable=False),
        sa.UniqueConstraint("sku", name="uq_listings_sku"),
    )
    op.create_table(
        "sellers",
        sa.Column("seller", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.UniqueConstraint("name", name="uq_sellers_name"),
    )
    op.create_table(
        "market_prices",
        sa.Column("listing", sa.Integer(), nullable=False),
        sa.Column("seller", sa.Integer(), nullable=False),
        sa.Column("observed_at", _TIME, nullable=False),
        sa.Column("price", _AMOUNT, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("listing", "seller", name="pk_market_prices"),
        sa.ForeignKeyConstraint(["listing"], ["listings.listing"], name="fk_market_prices_listing_listings"),
        sa.ForeignKeyConstraint(["seller"], ["sellers.seller"], name="fk_market_prices_seller_sellers"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "observations",
        sa.Column("listing", sa.Integer(), nullable=False),
        sa.Column("observed_at", _TIME, nullable=False),
        sa.Column("seller", sa.Integer(), nullable=False),
        sa.Column("price", _AMOUNT, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("listing", "observed_at", "seller", name="pk_observations"),
        sa.ForeignKeyConstraint(["listing"], ["listings.listing"], name="fk_observations_listing_listings"),
        sa.ForeignKeyConstraint(["seller"], ["sellers.seller"], name="fk_observations_seller_sellers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_observations_observed_at", "observations", ["observed_at"], postgresql_using="brin")
    op.create_table(
        "sales",
        sa.Column("listing", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("shop", sa.String(80), nullable=False),
        sa.Column("price", _AMOUNT, nullable=False),
        sa.Column("units", sa.Float(), nullable=False),
        sa.Column("regular_price", _AMOUNT, nullable=True),
        sa.Column("unit_cost", _AMOUNT, nullable=True),
        sa.Column("on_hand", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("listing", "day", "shop", "price", name="pk_sales"),
        sa.ForeignKeyConstraint(["listing"], ["listings.listing"], name="fk_sales_listing_listings"),
        sqlite_with_rowid=False,
    )
