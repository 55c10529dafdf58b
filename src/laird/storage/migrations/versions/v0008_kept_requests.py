"""Requests and answers that are kept, and which keys' are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "api_keys", sa.Column("keep", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "kept_requests",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("stream", sa.Boolean(), nullable=False),
        sa.Column("local_only", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary()),
        sa.Column("answer", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("request_id", name="pk_kept_requests"),
    )
    op.create_index("ix_kept_requests_at_us_size", "kept_requests", ["at_us", "size"])


def downgrade() -> None:
    op.drop_table("kept_requests")
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_column("keep")
