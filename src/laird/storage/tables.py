"""All tables, as SQLAlchemy Core metadata. Times are UTC microseconds, money is nano-dollars.

Only portable types are used. A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
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
    Column("cache", Boolean, nullable=False, server_default=false()),
    Column("keep", Boolean, nullable=False, server_default=false()),
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
    Column("egress", Text),
    UniqueConstraint("request_id", "attempt"),
    Index(None, "at_us"),
)
"""The ledger: one row per upstream attempt. `cost_nano` is null where the price is unknown."""

ROLLUP_MEASURES = (
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
"""What rollups add up; the meanings are those of `usage.rollup.Sums`."""

ROLLUP_DIMENSIONS = (
    "provider",
    "model",
    "key_id",
    "workflow",
    "node",
    "status",
    "failover_from",
)
"""What rollups tell apart. Empty text is what a breakdown does not tell apart, and a null."""


def _rollup(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("breakdown", Integer, primary_key=True, autoincrement=False),
        Column("slot", BigInteger, primary_key=True, autoincrement=False),
        *(Column(dimension, Text, primary_key=True) for dimension in ROLLUP_DIMENSIONS),
        *(Column(measure, BigInteger, nullable=False) for measure in ROLLUP_MEASURES),
        Column("dearest_nano", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _latencies(name: str, *, by_model: bool) -> Table:
    slot = Column("slot", BigInteger, primary_key=True, autoincrement=False)
    model = (
        Column("provider", Text, primary_key=True),
        Column("model", Text, primary_key=True),
        Column("bucket", Integer, primary_key=True, autoincrement=False),
    )
    return Table(
        name,
        metadata,
        *((*model, slot) if by_model else (slot, *model)),
        Column("timed_calls", BigInteger, nullable=False),
        Column("ttft_calls", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


usage_hours = _rollup("usage_hours")
"""The ledger summed up by hour; `slot` counts hours since the epoch, UTC. See `usage.rollup`."""

usage_days = _rollup("usage_days")
"""The same by day; `slot` counts days since the epoch, UTC."""

usage_clock = _rollup("usage_clock")
"""The same by hour of the day over four weeks; `slot` is the hour, UTC, and 24 for each four weeks
since the epoch."""

latency_hours = _latencies("latency_hours", by_model=False)
"""Histograms of how long attempts took, by hour."""

latency_days = _latencies("latency_days", by_model=True)
"""The same by day, in the order in which a report groups them."""

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

responses = Table(
    "responses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),
    Column("previous_id", Text),
    Column("local_only", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "used_us"),
)
"""Responses that clients asked to have kept. `body` is JSON, without the output."""

response_items = Table(
    "response_items",
    metadata,
    Column("response_id", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("item_id", Text, nullable=False),
    Column("output", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "item_id"),
)
"""Items of kept responses, input before output; `body` is JSON in the client's own form."""

budgets = Table(
    "budgets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("limit_nano", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    Column("subject", Text),
    Column("period", Text, nullable=False),
    Column("reset_day", Integer, nullable=False),
    Column("zone", Text, nullable=False),
    Column("on_limit", Text, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("name"),
)
"""Budgets as in `domain.budget.Budget`; `alerts` is a JSON array of percents."""

alerts = Table(
    "alerts",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("mark", Integer, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("standing", Boolean, nullable=False),
    Column("mail", Text, nullable=False),
    Column("acknowledged_us", BigInteger),
    Column("acknowledged_by", Text),
    Index(None, "source", "since_us"),
)
"""Alerts as in `domain.events.Alert`; `data` is a JSON object."""

kept_requests = Table(
    "kept_requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("local_only", Boolean, nullable=False),
    Column("error", Text),
    Column("cut", Boolean, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("request", LargeBinary),
    Column("answer", LargeBinary),
    Index(None, "at_us", "size"),
)
"""Requests and answers that are kept; `request` and `answer` are packed (`storage.packed`), `size`
is their bytes as they are here."""

versions = Table(
    "versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counters that go up when something changes, so that other processes notice."""

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("signed_in_us", BigInteger),
    UniqueConstraint("folded"),
)
"""Who may sign in, as in `domain.people.Person`; `password` is an Argon2id hash."""

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "person_id"),
)
"""Browsers in which somebody is signed in, as in `domain.people.Session`."""

links = Table(
    "links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text),
    Column("person_id", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("digest"),
)
"""Links that work once, as in `domain.people.Link`; a used one is deleted."""

credentials = Table(
    "credentials",
    metadata,
    Column("name", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("last_used_us", BigInteger),
    Column("last_refused_us", BigInteger),
    Column("removed_us", BigInteger),
)
"""Credentials of providers, by the names that the document uses. A removed one leaves its name."""

credential_values = Table(
    "credential_values",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary),
    Column("fingerprint", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("until_us", BigInteger),
    Column("tested_us", BigInteger),
    Column("refused_us", BigInteger),
    UniqueConstraint("name", "slot"),
)
"""Their values: encrypted in `sealed`, or in the keyring by their id where that is null."""

credential_keys = Table(
    "credential_keys",
    metadata,
    Column("value_id", Text, primary_key=True),
    Column("master_id", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
"""The key of each encrypted value, wrapped by a master key; two rows while that changes."""

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text),
    Column("role", Text),
    Column("via", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("object_name", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("request_id", Text),
    Index(None, "at_us"),
    sqlite_autoincrement=True,
)
"""The audit log, as in `audit.entry.AuditEntry`; `before` and `after` are JSON objects. Triggers
refuse changes, and deletions but those of what is older than the counter `audit_floor` says."""

AUDIT_TRIGGERS = (
    (
        "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events"
        " BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END"
    ),
    (
        "CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events"
        " WHEN OLD.at_us >= COALESCE((SELECT value FROM versions WHERE name = 'audit_floor'), 0)"
        " BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END"
    ),
)


def _add_triggers(_table: Table, connection: Connection, **_: Any) -> None:
    if connection.dialect.name == "sqlite":
        for trigger in AUDIT_TRIGGERS:
            connection.execute(text(trigger))


event.listen(audit_events, "after_create", _add_triggers)
