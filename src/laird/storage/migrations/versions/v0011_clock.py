"""Sums by hour of the day over four weeks, made from those by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_DIMENSIONS = ("provider", "model", "key_id", "workflow", "node", "status", "failover_from")
_SUMS = (
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
)


def upgrade() -> None:
    numbers = (*_SUMS, "dearest_nano")
    clock = op.create_table(
        "usage_clock",
        sa.Column("breakdown", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _DIMENSIONS),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        sa.PrimaryKeyConstraint("breakdown", "slot", *_DIMENSIONS, name="pk_usage_clock"),
        sqlite_with_rowid=False,
    )
    columns = ("breakdown", "slot", *_DIMENSIONS, *numbers)
    hours = sa.table("usage_hours", *(sa.column(name, sa.BigInteger()) for name in columns)).c
    place = (hours.slot // 672 * 24 + hours.slot % 24).label("place")
    summed = sa.select(
        hours.breakdown,
        place,
        *(hours[name] for name in _DIMENSIONS),
        *(sa.func.sum(hours[name]) for name in _SUMS),
        sa.func.max(hours.dearest_nano),
    ).group_by(hours.breakdown, "place", *(hours[name] for name in _DIMENSIONS))
    op.execute(sa.insert(clock).from_select(columns, summed))


def downgrade() -> None:
    op.drop_table("usage_clock")
