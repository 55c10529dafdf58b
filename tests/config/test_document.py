from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.config.test_compile import FULL
from tests.config.world import KINDS, CompileText, list_price

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.config.yaml_source import MAX_CHARACTERS, decode, read_yaml
from laird.domain.errors import ConfigError, Problem


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        compile_snapshot(read_document(text), kinds=KINDS, environment={}, price=list_price)
    return caught.value.problems


ONE = "{input: 1, output: 1}"
PROVIDER = "providers:\n  - id: o\n    kind: openai\n"


def chain(step: str, chain_id: str = "c") -> str:
    """Write a chain of one step in three lines."""
    return f"chains:\n- id: {chain_id}\n  models: [{{{step}}}]"


@pytest.mark.parametrize(
    ("text", "line", "path", "message", "fix"),
    [
        (f"{PROVIDER}    maxConcurent: 4", 4, "providers[0].maxConcurent", "no field", "'maxConc"),
        (f"{PROVIDER}    max_concurrent: 4", 4, "providers[0].max_concurrent", "", "'maxConcurre"),
        (f"{PROVIDER}    zzz: 4", 4, "providers[0].zzz", "no field", "Fields here are id, name"),
        (
            f"{PROVIDER}    timeouts:\n      firstbyte: 4",
            5,
            "providers[0].timeouts.firstbyte",
            "no field 'firstbyte'",
            "'firstByte'",
        ),
        (
            f"{PROVIDER}    models: [{{id: a, pricng: {{}}}}]",
            4,
            "providers[0].models[0].pricng",
            "",
            "'pricing'",
        ),
        ("providers:\n  - id: o", 2, "providers[0].kind", "missing", "kind: ollama"),
        ("providers: [{id: o, kind: opnai}]", 1, "providers[0].kind", "no kind", "'openai'"),
        ("providers: [{id: o, kind: zzz}]", 1, "providers[0].kind", "no kind", "There is demo,"),
        (
            "providers: [{id: o, kind: azure-openai}]",
            1,
            "providers[0].endpoint",
            "missing",
            "base URL of Azure",
        ),
        (f"{PROVIDER}    type: remote", 4, "providers[0].type", "'local' or 'external'", ""),
        (f"{PROVIDER}    maxConcurrent: four", 4, "providers[0].maxConcurrent", "whole", "quotes"),
        (f"{PROVIDER}    maxConcurrent: 1.5", 4, "", "a whole number, not 1.5", ""),
        (f"{PROVIDER}    maxConcurrent: 0", 4, "", "at least 1, not 0", ""),
        (f"{PROVIDER}    weight: true", 4, "", "a whole number, not true", ""),
        (f"{PROVIDER}    enabled: yes", 4, "", "true or false, not 'yes'", ""),
        (f"{PROVIDER}    name: 5", 4, "", "must be text, not 5", "in quotes"),
        (f"{PROVIDER}    name: ''", 4, "", "must not be empty", ""),
        (f"{PROVIDER}    healthCheckInterval: .inf", 4, "", "finite", ""),
        (f"{PROVIDER}    healthCheckInterval: 100000", 4, "", "at most 86400", ""),
        (f"{PROVIDER}    timeouts: {{idle: 0}}", 4, "", "more than 0", ""),
        (f"{PROVIDER}    healthCheckPath: //x", 4, "", "begins with one '/'", ""),
        (f"{PROVIDER}    endpoint: ftp://x", 4, "", "must be a URL", ""),
        (f"{PROVIDER}    endpoint: http://x:99999", 4, "", "must be a URL", ""),
        (f"{PROVIDER}    endpoint: http://u:p@x", 4, "", "user name", ""),
        (f'{PROVIDER}    endpoint: "http://x/#a"', 4, "", "'#'", ""),
        (f"{PROVIDER}    endpoint: demo://", 4, "", "does not fit kind 'openai'", "demo alone"),
        (f"{PROVIDER}    models: [a, 4.1]", 4, "providers[0].models[1]", "mapping", ""),
        (f"{PROVIDER}    models: [a, a]", 4, "providers[0].models[1].id", "already", "another"),
        (f"{PROVIDER}    models: [auto]", 4, "providers[0].models[0].id", "'auto'", "another"),
        (
            f"{PROVIDER}    models: [{{id: a, pricing: {{input: 1}}}}]",
            4,
            "providers[0].models[0].pricing.output",
            "missing",
            "write 0",
        ),
        (
            f"{PROVIDER}    models: [{{id: a, pricing: {{input: cheap, output: -1}}}}]",
            4,
            "providers[0].models[0].pricing.input",
            "amount in USD",
            "",
        ),
        (
            f"{PROVIDER}    models: [{{id: a, pricing: {{input: true, output: 1}}}}]",
            4,
            "providers[0].models[0].pricing.input",
            "amount in USD",
            "",
        ),
        (
            f"{PROVIDER}    models: [{{id: a, costPer1kTokens: 1, pricing: {ONE}}}]",
            4,
            "providers[0].models[0]",
            "both pricing and costPer1kTokens",
            "",
        ),
        (
            f"{PROVIDER}    models: [{{id: a, isDefault: true}}, {{id: b, isDefault: true}}]",
            4,
            "providers[0].models[1].isDefault",
            "already has the default 'a'",
            "",
        ),
        ("providers: [{id: My Box, kind: demo}]", 1, "providers[0].id", "lower-case", "'my-box'"),
        ("providers: [{id: auto, kind: demo}]", 1, "providers[0].id", "'auto'", ""),
        (f"{PROVIDER}  - id: o\n    kind: demo", 4, "providers[1].id", "already", ""),
        (f"{PROVIDER}    authSecret: «redacted»", 4, "providers[0].authSecret", "stands for", ""),
        ("models: [{id: m, providerId: opnai}]", 1, "models[0].providerId", "no provider", "no"),
        ("chains: [{id: c}]", 1, "chains[0].models", "missing", "at least one"),
        ("chains: [{id: c, models: []}]", 1, "chains[0].models", "at least one", ""),
        (
            f"{PROVIDER}    models: [gpt-4o]\n{chain('providerId: o, modelId: gpt4o')}",
            7,
            "chains[0].models[0].modelId",
            "has no model 'gpt4o'",
            "'gpt-4o'",
        ),
        (
            f"{PROVIDER}{chain('providerId: q, modelId: a, timeoutMs: 5000')}",
            6,
            "chains[0].models[0].providerId",
            "no provider 'q'",
            "There is o.",
        ),
        (
            f"{PROVIDER}{chain('providerId: o, modelId: a, timeoutMs: 999')}",
            6,
            "",
            "at least 1000",
            "",
        ),
        (
            f"{PROVIDER}{chain('providerId: o, modelId: a, maxRetries: 11')}",
            6,
            "",
            "at most 10",
            "",
        ),
        (
            f"{PROVIDER}    models: [a]\n{chain('providerId: o, modelId: a', 'o')}",
            6,
            "chains[0].id",
            "already that of a provider",
            "",
        ),
        ("routing: {strategy: cheap}", 1, "routing.strategy", "must be", "'cheapest'"),
        ("routing: {fallback: x}", 1, "routing.fallback", "no chain 'x'", "no chain in"),
        (f"{PROVIDER}    models: [a]\naliases: {{x: b}}", 5, "aliases.x", "no model", ""),
        (f"{PROVIDER}    models: [ab]\naliases: {{x: abc}}", 5, "aliases.x", "", "'ab'"),
        ("aliases: {x: x}", 1, "aliases.x", "back to itself", ""),
        ("aliases: {x: y, y: z, z: y}", 1, "aliases.x", "back to itself", ""),
        ("aliases: {auto: x, x: auto}", 1, "aliases.auto", "'auto'", ""),
        ("aliases: {a b: auto}", 1, "aliases.a b", "may hold only", ""),
        (f"{PROVIDER}aliases: {{o: auto}}", 4, "aliases.o", "already the id", ""),
        ("aliases: [a]", 1, "aliases", "must be a mapping", ""),
        ("version: 2", 1, "version", "must be 1", ""),
        ("providers: {openai: {}}", 1, "providers", "must be a list", "laird config import"),
    ],
)
def test_a_mistake_is_told_with_line_path_and_fix(
    text: str, line: int, path: str, message: str, fix: str
) -> None:
    problem = problems_of(text)[0]
    assert problem.line == line
    assert problem.path.startswith(path)
    assert message in problem.message
    assert fix in (problem.fix or "")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "empty"),
        ("# only words\n", 1, "empty"),
        ("- a", 1, "must be a mapping"),
        ("providers:\n\t- id: x", 2, "tab"),
        ("version: 1\nversion: 1", 2, "given twice (first in line 1)"),
        ("a: b: c", 1, "second ': '"),
        ("providers:\n  - id: a\n kind: x", 3, "indentation"),
        ("a:\n  b: 1\n c", 3, ""),
        ("a: 'x", 1, "quote"),
        ("a: [1, 2", 1, "bracket"),
        ("a: *gone", 1, "anchor"),
        ("a: @x", 1, "can't begin"),
        ("a: !thing x", 1, "tags"),
        ("a: !other!thing x", 1, "tags"),
        ("a: 1\n---\nb: 1", 2, ""),
        ("a: \x01", 1, "control character"),
        ("? [a]\n: b", 1, "plain text"),
        ("a: &a [*a]", 1, "too big"),
        ("a: &x 1\nb:\n  <<: *x", 3, "must refer to a mapping"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nested deeper"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document(text, "my.yaml")
    first = caught.value.problems[0]
    assert (first.line, message in first.message) == (line, True), first
    assert caught.value.message.startswith(f"my.yaml:{line}: ")


def test_an_anchor_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="far too big"):
        read_document("\n".join(lines))


def test_a_document_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than"):
        read_document("# x\n" * (MAX_CHARACTERS // 4 + 1))


def test_bytes_that_are_not_utf8_are_told_with_their_line() -> None:
    assert decode(b"\xef\xbb\xbfa: \xc3\xa9", "f") == "a: \u00e9"
    with pytest.raises(ConfigError, match=r"f:2: this is not UTF-8"):
        decode(b"a: 1\nb: \xff\n", "f")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    text = "providers:\n  - id: A\n    kind: x\n    weight: 0\n    zzz: 1\n"
    assert [problem.line for problem in problems_of(text)] == [2, 4, 5]


@pytest.mark.parametrize(
    "text",
    [
        f"{PROVIDER}    authSecret: 12345678",
        f"{PROVIDER}    authSecret: [sk-secret]",
        f"{PROVIDER}    authSecret: *secret",
        f"{PROVIDER}    authSecret: @secret",
        f"{PROVIDER}    authSecret: !secret!x y",
        f"{PROVIDER}    authSecret: 'secret",
        f"{PROVIDER}    type: sk-secret",
        f"{PROVIDER}    enabled: {'secret' * 10}",
    ],
)
def test_a_message_never_quotes_what_may_be_a_secret(text: str) -> None:
    message = "\n".join(problem.render("f") for problem in problems_of(text))
    assert "secret" not in message.replace("authSecret", "")
    assert "12345678" not in message


def test_anchors_and_merges_may_be_used(compile_text: CompileText) -> None:
    snapshot = compile_text(
        "providers:\n"
        "  - &base {id: a, kind: vllm, endpoint: 'http://10.0.0.1:8000', weight: 2, models: [m]}\n"
        "  - <<: *base\n"
        "    id: b\n"
        "    endpoint: http://10.0.0.2:8000\n"
        "  - <<: [{weight: 5}, *base]\n"
        "    id: c\n"
        "    endpoint: http://10.0.0.3:8000\n"
    )
    assert [provider.weight for provider in snapshot.providers.values()] == [2, 2, 5]


def test_numbers_and_words_are_read_as_yaml_1_2_says() -> None:
    text = "a: [010, 0x1F, 0o17, 1_000, -5, 1e3, .5, yes, off, true, ~, 2020-01-01, '4', 1:30]"
    assert read_yaml(text, "").data["a"] == [
        10, 31, 15, 1000, -5, 1000.0, 0.5, "yes", "off", True, None, "2020-01-01", "4", "1:30",
    ]  # fmt: skip
    assert read_yaml("%YAML 1.1\n---\na: 1:30\n", "").data["a"] is not None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200_000),
    st.floats(allow_nan=True),
    st.text(max_size=8),
    st.sampled_from(["auto", "openai", "local", "http://x", "env:X", "gpu-box", "«redacted»"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items if isinstance(data, dict | list) else ():
        found += places(value, (*here, key)) if isinstance(value, dict | list) else [(*here, key)]
    return found


FULL_DATA = read_yaml(FULL, "").data


@settings(max_examples=40, deadline=None)
@given(place=st.sampled_from(places(FULL_DATA)), value=VALUES, drop=st.booleans(), data=st.data())
def test_a_changed_document_compiles_or_tells_its_problems(
    place: tuple[Any, ...], value: object, drop: bool, data: st.DataObject
) -> None:
    changed = copy.deepcopy(FULL_DATA)
    parent = changed
    for part in place[:-1]:
        parent = parent[part]
    if drop:
        del parent[place[-1]]
    elif isinstance(parent, dict) and data.draw(st.booleans()):
        parent[data.draw(st.text(min_size=1, max_size=6))] = value
    else:
        parent[place[-1]] = value
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(changed, stream)
    check_law(stream.getvalue())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_text_compiles_or_tells_its_problems(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 40)))
    inserted = data.draw(
        st.text(max_size=6) | st.sampled_from(["\t", "- ", ": ", "{", "]", "&a ", "*a", "|", '"'])
    )
    check_law(FULL[:start] + inserted + FULL[end:])


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n\t?,", max_size=60))
def test_any_text_compiles_or_tells_its_problems(text: str) -> None:
    check_law(text)


def check_law(text: str) -> None:
    """A text gives a snapshot, or problems that each have a message and a line."""
    try:
        compile_snapshot(read_document(text), kinds=KINDS, environment={}, price=list_price)
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert problems
    for problem in problems:
        assert problem.message
        assert problem.line is None or 1 <= problem.line <= text.count("\n") + 2
