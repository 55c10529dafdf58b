"""Credentials of providers, their encrypted values, and the wrapped keys of these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("last_used_us", sa.BigInteger()),
        sa.Column("last_refused_us", sa.BigInteger()),
        sa.Column("removed_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_credentials"),
    )
    op.create_table(
        "credential_values",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        sa.Column("until_us", sa.BigInteger()),
        sa.Column("tested_us", sa.BigInteger()),
        sa.Column("refused_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_credential_values"),
        sa.UniqueConstraint("name", "slot", name="uq_credential_values_name_slot"),
    )
    op.create_table(
        "credential_keys",
        sa.Column("value_id", sa.Text(), nullable=False),
        sa.Column("master_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("value_id", "master_id", name="pk_credential_keys"),
    )


def downgrade() -> None:
    op.drop_table("credential_keys")
    op.drop_table("credential_values")
    op.drop_table("credentials")
    op.execute("DELETE FROM versions WHERE name = 'credentials'")
