from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.config.describe import describe_changes
from laird.config.document import read_document
from laird.config.redact import redact, restore
from laird.config.rewrite import dump_yaml
from laird.config.yaml_source import read_yaml

SECRET = "sk-4f9a77c2"


@pytest.mark.parametrize(
    "text",
    [
        f"providers:\n  - id: a\n    authSecret: {SECRET}  # mine\n    kind: x\n",
        f"providers: [{{id: a, authSecret: '{SECRET}'}}]",
        f"providers:\n  - id: a\n    authSecret: &k {SECRET}\n  - id: b\n    authSecret: *k\n",
        f"providers:\n  - id: a\n    authSecret: |\n      {SECRET}\n    kind: x\n",
        f"providers:\n  - &a {{id: a, authSecret: {SECRET}}}\n  - {{<<: *a, id: b}}\n",
        f"providers:\n  - id: a\n    authSecret: {SECRET}\n    # was {SECRET}\n",
        f"# authSecret: {SECRET}\nproviders: []\n",
        f"providers:\n  - id: a\n    authSecret: {SECRET}\n    broken: [\n",
        f'{{"providers": [{{"id": "a", "authSecret": "{SECRET}"\n',
        'providers:\n  - {id: a, authSecret: "sk-4f9a77c\\x32"}\n',
    ],
)
def test_a_written_out_secret_is_never_shown(text: str) -> None:
    shown = redact(text)
    assert "4f9a77c" not in shown
    assert "«redacted»" in shown


def test_references_and_everything_else_stay() -> None:
    text = (
        "providers:\n  - id: a\n    authSecret: env:NAME # x\n    kind:  y\n# authSecret: env:B\n"
    )
    assert redact(text) == text
    assert redact("providers: 5") == "providers: 5"
    assert redact("") == ""


def test_secrets_come_back_where_the_same_provider_has_one() -> None:
    now = "providers: [{id: a, authSecret: one}, {id: b, authSecret: env:TWO}]"
    text = (
        "providers:\n"
        "  - {id: b, authSecret: «redacted»}\n"
        "  - {id: a, authSecret: «redacted»}\n"
        "  - {id: c, authSecret: «redacted»}\n"
    )
    filled = read_yaml(restore(text, now), "").data["providers"]
    assert [one["authSecret"] for one in filled] == ["env:TWO", "one", "«redacted»"]
    assert restore(text, "a: [") == text
    assert restore("a: [ «redacted»", now) == "a: [ «redacted»"
    assert restore("a: 1", now) == "a: 1"


@settings(max_examples=80, deadline=None)
@given(secret=st.text(min_size=1, max_size=20).filter(lambda text: not text.startswith("env:")))
def test_redacting_and_restoring_gives_the_same_document(secret: str) -> None:
    text = dump_yaml({"providers": [{"id": "a", "authSecret": secret, "kind": "demo"}]})
    restored = restore(redact(text), text)
    assert read_yaml(restored, "").data == read_yaml(text, "").data


def changes(old: str, new: str) -> tuple[str, ...]:
    return describe_changes(read_document(old).entries, read_document(new).entries)


def test_changes_are_told_in_short_lines() -> None:
    old = (
        "providers:\n"
        "  - {id: a, kind: demo, maxConcurrent: 4, authSecret: one, models: [m, n]}\n"
        "  - {id: b, kind: demo}\n"
        "chains: [{id: c, models: [{providerId: a, modelId: m}]}]\n"
        "aliases: {x: m}\n"
    )
    new = (
        "providers:\n"
        "  - {id: a, kind: demo, maxConcurrent: 8, gpu: true, authSecret: two,\n"
        "     timeouts: {idle: 5}, models: [{id: m, tags: [q]}, o]}\n"
        "chains: [{id: c, models: [{providerId: a, modelId: m, maxRetries: 2}]}]\n"
        "aliases: {x: o}\n"
        "routing: {strategy: fastest}\n"
    )
    assert changes(old, new) == (
        "provider b: removed",
        "provider a: maxConcurrent 4 -> 8",
        "provider a: gpu false -> true",
        "provider a: authSecret changed",
        "provider a: timeouts: idle none -> 5",
        "model a/n: removed",
        "model a/m: tags none -> q",
        "model a/o: added",
        "chain c: models[0]: maxRetries 1 -> 2",
        "aliases: x m -> o",
        "routing: strategy default -> fastest",
    )


def test_a_change_of_comments_alone_is_told_as_such() -> None:
    assert changes("version: 1", "version: 1 # one") == ("comments, order or spelling",)


def test_a_long_list_of_changes_is_cut() -> None:
    models = ", ".join(f"m{number}" for number in range(300))
    lines = changes("version: 1", f"providers: [{{id: a, kind: demo, models: [{models}]}}]")
    assert (len(lines), lines[-1]) == (100, "and 202 more changes")


def test_a_long_value_is_cut() -> None:
    old, new = "routing: {agentPrefix: a}", f"routing: {{agentPrefix: {'b' * 64}}}"
    (line,) = changes(old, new)
    assert line.endswith("b…")
