"""Rollups of the ledger by hour and by day. The server fills them when it next starts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DIMENSIONS = ("provider", "model", "key_id", "workflow", "node", "status", "failover_from")
_NUMBERS = (
    "calls",
    "requests",
    "ok",
    "errors",
    "cache_hits",
    "unpriced_calls",
    "estimated_calls",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "timed_calls",
    "latency_us",
    "ttft_calls",
    "ttft_us",
    "dearest_nano",
)


def upgrade() -> None:
    for table in ("usage_hours", "usage_days"):
        op.create_table(
            table,
            sa.Column("breakdown", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
            *(sa.Column(name, sa.Text(), nullable=False) for name in _DIMENSIONS),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NUMBERS),
            sa.PrimaryKeyConstraint("breakdown", "slot", *_DIMENSIONS, name=f"pk_{table}"),
            sqlite_with_rowid=False,
        )
    model = ("provider", "model", "bucket")
    for table, key in (("latency_hours", ("slot", *model)), ("latency_days", (*model, "slot"))):
        columns: dict[str, sa.Column[Any]] = {
            "slot": sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
            "provider": sa.Column("provider", sa.Text(), nullable=False),
            "model": sa.Column("model", sa.Text(), nullable=False),
            "bucket": sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        }
        op.create_table(
            table,
            *(columns[name] for name in key),
            sa.Column("timed_calls", sa.BigInteger(), nullable=False),
            sa.Column("ttft_calls", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    for table in ("latency_days", "latency_hours", "usage_days", "usage_hours"):
        op.drop_table(table)
    # Rows of an older Laird will not be summed up, so the sums must be made anew after that.
    op.execute("DELETE FROM versions WHERE name = 'rollups'")
