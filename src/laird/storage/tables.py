"""All tables, as SQLAlchemy Core metadata. Times are UTC microseconds, money is nano-dollars.

Only portable types are used. A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for a column of type INTEGER; elsewhere 64 bits are wanted.
_RowId = BigInteger().with_variant(Integer(), "sqlite")

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("enabled", Boolean, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("allowed_models", Text, nullable=False),
    Column("allowed_providers", Text, nullable=False),
    Column("privacy", Text, nullable=False),
    Column("priority", Integer),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("last_used_us", BigInteger),
    UniqueConstraint("digest"),
)
"""Client keys as in `domain.keys.ApiKey`; the three sets are JSON arrays of text, sorted."""

attempts = Table(
    "attempts",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("upstream_model", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("price_version", Text),
    Column("failover_from", Text),
    Column("privacy", Text, nullable=False),
    Column("privacy_reason", Text),
    Column("workflow", Text),
    Column("node", Text),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("http_status", Integer),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cost_nano", BigInteger),
    Column("latency_ms", Float, nullable=False),
    Column("ttft_ms", Float),
    Column("cache_hit", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("request_id", "attempt"),
    Index(None, "at_us"),
)
"""The ledger: one row per upstream attempt. `cost_nano` is null where the price is unknown."""

config_revisions = Table(
    "config_revisions",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("before_revision", Text),
    Column("document", Text, nullable=False),
    Column("summary", Text, nullable=False),
)
"""Each configuration that was in force, newest with the highest id."""

health_samples = Table(
    "health_samples",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("provider_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("error", Text),
    Column("probe", Boolean, nullable=False),
    Index(None, "provider_id", "at_us"),
    Index(None, "at_us"),
)
"""What probes and real traffic found, as in `domain.health.ProbeResult`."""

versions = Table(
    "versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counters that go up when something changes, so that other processes notice."""
