from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from laird.config import edit
from laird.config.rewrite import rewrite
from laird.config.yaml_source import read_yaml
from laird.domain.errors import ConfigError, InvalidRequest

TEXT = """\
# My Laird
providers:
  # The box
  - id: gpu-box      # under the desk
    kind:   ollama
    maxConcurrent: 4   # four
    # gpu: true
    models: [a, "b",  c]

  # --- Cloud ---

  # second line
  - id: openai
    kind: openai
    timeouts: {connect: 1,   idle: 3}
    models:
      - gpt-4o   # main
      - id: mini
        upstreamModel: 'gpt-4o-mini'

models:
  # big one
  - id: big
    providerId: openai

chains:
  - id: safe
    models:
      - {providerId: gpu-box, modelId: a}   # first
      - {providerId: openai, modelId: gpt-4o}
aliases:
  fast: mini
"""


def changed(new: str, old: str = TEXT) -> list[str]:
    """Return the lines taken away and put in, and check that nothing else has moved."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("new", "difference"),
    [
        (
            edit.patch_provider(TEXT, "gpu-box", {"maxConcurrent": 8}),
            ["-    maxConcurrent: 4   # four", "+    maxConcurrent: 8   # four"],
        ),
        (
            edit.patch_provider(TEXT, "gpu-box", {"gpu": True, "authType": None}),
            ["+    gpu: true", "+    authType: null"],
        ),
        (
            edit.patch_provider(TEXT, "gpu-box", {"maxConcurrent": None, "timeouts": {"idle": 9}}),
            ["-    maxConcurrent: 4   # four", "+    timeouts:", "+      idle: 9"],
        ),
        (
            edit.patch_provider(TEXT, "openai", {"timeouts": {"idle": 9}}),
            [
                "-    timeouts: {connect: 1,   idle: 3}",
                "+    timeouts: {connect: 1,   idle: 9}",
            ],
        ),
        (
            edit.patch_provider(TEXT, "openai", {"name": "it's: 'mine' # really"}),
            ["+    name: \"it's: 'mine' # really\""],
        ),
        (
            edit.patch_model(TEXT, "openai", "mini", {"upstreamModel": "x", "isDefault": True}),
            [
                "-        upstreamModel: 'gpt-4o-mini'",
                "+        upstreamModel: x",
                "+        isDefault: true",
            ],
        ),
        (
            edit.patch_model(TEXT, "openai", "gpt-4o", {"maxTokens": 5}),
            ["-      - gpt-4o   # main", "+      - id: gpt-4o", "+        maxTokens: 5   # main"],
        ),
        (edit.add_model(TEXT, "openai", {"id": "new"}), ["+      - new"]),
        (
            edit.add_model(TEXT, "openai", {"id": "new", "tags": ["x"]}),
            ["+      - id: new", "+        tags:", "+          - x"],
        ),
        (
            edit.remove_model(TEXT, "openai", "mini"),
            ["-      - id: mini", "-        upstreamModel: 'gpt-4o-mini'"],
        ),
        (
            edit.remove_model(TEXT, "openai", "big"),
            [
                "-models:",
                "-  # big one",
                "-  - id: big",
                "-    providerId: openai",
                "+models: []",
            ],
        ),
        (edit.set_alias(TEXT, "4.1", "big"), ["+  '4.1': big"]),
        (edit.set_alias(TEXT, "fast", "big"), ["-  fast: mini", "+  fast: big"]),
        (edit.remove_alias(TEXT, "fast"), ["-aliases:", "-  fast: mini", "+aliases: {}"]),
        (
            edit.patch_routing(TEXT, {"strategy": "cheapest"}),
            ["+routing:", "+  strategy: cheapest"],
        ),
        (
            edit.replace_chain(
                TEXT,
                "safe",
                {
                    "models": [
                        {"providerId": "openai", "modelId": "gpt-4o"},
                        {"providerId": "gpu-box", "modelId": "a", "maxRetries": 3},
                        {"providerId": "gpu-box", "modelId": "b"},
                    ]
                },
            ),
            [
                "-      - {providerId: gpu-box, modelId: a}   # first",
                "+      - {providerId: gpu-box, modelId: a, maxRetries: 3}   # first",
                "+      - {providerId: gpu-box, modelId: b}",
            ],
        ),
        (edit.patch_chain(TEXT, "safe", {"strategy": "fastest"}), ["+    strategy: fastest"]),
        (
            edit.add_chain(
                TEXT, {"id": "c", "models": [{"providerId": "openai", "modelId": "big"}]}
            ),
            [
                "+  - id: c",
                "+    models:",
                "+      - providerId: openai",
                "+        modelId: big",
            ],
        ),
    ],
)
def test_an_edit_touches_only_its_own_lines(new: str, difference: list[str]) -> None:
    assert sorted(changed(new)) == sorted(difference)


def test_a_new_provider_stands_apart_as_the_others_do() -> None:
    new = edit.add_provider(TEXT, {"id": "new", "kind": "vllm", "models": ["x"]})
    assert "gpt-4o-mini'\n\n  - id: new\n    kind: vllm\n    models:\n      - x\n\nmodels:" in new


def test_a_removed_provider_takes_its_comment_with_it_but_no_heading() -> None:
    new = edit.remove_provider(TEXT, "gpu-box", cascade=True)
    assert "The box" not in new
    assert "gpu: true" not in new
    rest = edit.remove_provider(TEXT, "openai", cascade=True)
    assert "# --- Cloud ---" in rest
    assert "# second line" not in rest
    assert read_yaml(rest, "").data == {
        "providers": [
            {"id": "gpu-box", "kind": "ollama", "maxConcurrent": 4, "models": ["a", "b", "c"]}
        ],
        "models": [],
        "chains": [{"id": "safe", "models": [{"providerId": "gpu-box", "modelId": "a"}]}],
        "aliases": {},
    }


def test_a_cascade_takes_everything_that_leads_nowhere() -> None:
    text = (
        "providers: [{id: a, kind: demo, models: [m, n]}, {id: b, kind: demo, models: [m]}]\n"
        "chains: [{id: c, models: [{providerId: a, modelId: m}]}]\n"
        "aliases: {x: n, y: x, z: c, keep: m, w: a}\n"
        "routing: {fallback: c, strategy: fastest}\n"
    )
    assert read_yaml(edit.remove_provider(text, "a", cascade=True), "").data == {
        "providers": [{"id": "b", "kind": "demo", "models": ["m"]}],
        "chains": [],
        "aliases": {"keep": "m"},
        "routing": {"strategy": "fastest"},
    }


def test_without_cascade_references_stay_for_the_check_to_name() -> None:
    data = read_yaml(edit.remove_provider(TEXT, "gpu-box"), "").data
    assert [step["providerId"] for step in data["chains"][0]["models"]] == ["gpu-box", "openai"]


def test_the_first_entries_of_an_empty_document() -> None:
    text = edit.add_provider("# mine\nproviders:\n", {"id": "a", "kind": "demo"})
    assert text == "# mine\nproviders:\n  - id: a\n    kind: demo\n"
    text = edit.add_model(text, "a", {"id": "m", "contextWindow": 5})
    assert text.endswith("models:\n  - id: m\n    contextWindow: 5\n    providerId: a\n")
    assert read_yaml(edit.add_provider("", {"id": "a", "kind": "demo"}), "").data == {
        "providers": [{"id": "a", "kind": "demo"}]
    }


def test_a_model_goes_into_a_list_that_became_empty() -> None:
    text = edit.remove_model(
        "providers:\n  - id: a\n    kind: demo\n    models: [m]   # some\n", "a", "m"
    )
    text = edit.add_model(text, "a", {"id": "n", "contextWindow": 5})
    data = read_yaml(text, "").data
    assert data == {
        "providers": [{"id": "a", "kind": "demo", "models": [{"id": "n", "contextWindow": 5}]}]
    }
    assert "      - id: n\n        contextWindow: 5" in text
    assert "# some" in text


def test_a_replaced_provider_keeps_its_place_and_its_id() -> None:
    data = read_yaml(edit.replace_provider(TEXT, "gpu-box", {"kind": "vllm"}), "").data
    assert data["providers"][0] == {"id": "gpu-box", "kind": "vllm"}
    data = read_yaml(edit.replace_model(TEXT, "openai", "big", {"maxTokens": 1}), "").data
    assert data["models"] == [{"id": "big", "providerId": "openai", "maxTokens": 1}]


def test_a_name_with_capitals_becomes_an_entry_with_its_spelling() -> None:
    text = "providers:\n  - id: a\n    models:\n      - Qwen/Qwen2.5-7B\n"
    data = read_yaml(edit.patch_model(text, "a", "qwen/qwen2.5-7b", {"maxTokens": 1}), "").data
    assert data["providers"][0]["models"] == [
        {
            "id": "qwen/qwen2.5-7b",
            "name": "Qwen/Qwen2.5-7B",
            "upstreamModel": "Qwen/Qwen2.5-7B",
            "maxTokens": 1,
        }
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: edit.add_provider(TEXT, {"id": "openai"}), "already a provider 'openai'"),
        (lambda: edit.add_chain(TEXT, {"id": "safe"}), "already a chain 'safe'"),
        (lambda: edit.add_model(TEXT, "openai", {"id": "big"}), "already has a model 'big'"),
        (lambda: edit.add_model(TEXT, "opnai", {"id": "x"}), "Did you mean 'openai'"),
        (lambda: edit.patch_provider(TEXT, "zzz", {}), "no provider 'zzz'"),
        (lambda: edit.patch_model(TEXT, "openai", "zzz", {}), "no model 'zzz'"),
        (lambda: edit.remove_chain(TEXT, "zzz"), "no chain 'zzz'"),
        (lambda: edit.remove_alias(TEXT, "zzz"), "no alias 'zzz'"),
        (lambda: edit.add_chain("chains: 5", {"id": "x"}), "not a list"),
        (lambda: edit.set_alias("aliases: [a]", "x", "y"), "not a mapping"),
        (lambda: edit.set_alias("models: [a]", "x", "y"), "'models' has an entry without an id"),
        (lambda: edit.set_alias("chains: [{id: a, models: 5}]", "x", "y"), "of 'a' is not a list"),
        (lambda: edit.set_alias("chains: [{id: a, models: [5]}]", "x", "y"), "a wrong step"),
        (lambda: edit.set_alias("- a", "x", "y"), "not a mapping"),
    ],
)
def test_an_impossible_edit_is_refused(change: Callable[[], str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        change()


def test_what_is_no_yaml_can_not_be_edited() -> None:
    with pytest.raises(ConfigError):
        edit.set_alias("a: [", "x", "y")


@pytest.mark.parametrize(
    "text",
    [
        "providers:\n  - &base {id: a, weight: 2}\n  - <<: *base\n    id: b\n",
        "providers:\n  - &base\n    id: a\n    weight: 2\n  - <<: *base\n    id: b\n",
        "x: &w 2\nproviders:\n  - id: b\n    weight: *w\n  - {id: a, weight: *w}\n",
        "providers: [{id: a, weight: 2},\n  # other\n  {id: b, weight: 2}]\n",
        "{providers: [{id: b, weight: 2}, {id: a}]}",
        "providers:\n- id: b\n  weight: |\n    2\n\n- id: a\n",
        "providers:\n-\n  id: b\n  weight: 2\n-   id: a\n",
        "providers:\n  - weight: 2 # first\n    id: b\n  - id: a",
        "---\nproviders:\r\n  - id: b\r\n    weight: 2\r\n...\n",
        "providers:\n  - id: b\n    weight:\n  - id: a\n",
        '"providers":\n  - "id": b\n    "weight": >-\n      2\n      3\n',
    ],
)
def test_an_edit_means_what_it_says_however_the_text_is_written(text: str) -> None:
    wanted = read_yaml(text, "").data
    next(one for one in wanted["providers"] if one["id"] == "b")["weight"] = 7
    new = edit.patch_provider(text, "b", {"weight": 7})
    assert read_yaml(new, "").data == wanted
    wanted["aliases"] = {"x": "y"}
    assert read_yaml(edit.set_alias(new, "x", "y"), "").data == wanted
    next(one for one in wanted["providers"] if one["id"] == "b").pop("weight")
    assert (
        read_yaml(
            edit.patch_provider(edit.set_alias(new, "x", "y"), "b", {"weight": None}), ""
        ).data
        == wanted
    )


def test_line_ends_of_another_system_stay() -> None:
    text = "providers:\r\n  - id: b # x\r\n    weight: 2\r\n"
    new = edit.patch_provider(text, "b", {"weight": 3, "gpu": True})
    assert new == "providers:\r\n  - id: b # x\r\n    weight: 3\r\n    gpu: true\r\n"


def test_no_change_is_no_change() -> None:
    assert rewrite(TEXT, read_yaml(TEXT, "").data) == TEXT
    assert edit.patch_provider(TEXT, "gpu-box", {"maxConcurrent": 4}) == TEXT


NAMES = st.sampled_from(["id", "kind", "weight", "models", "name", "a b", "1", "yes", "x: y"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 999),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.text(alphabet="ab:-#'\"{}[], é\n", max_size=6),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_data_can_be_written_into_any_document(data: st.DataObject) -> None:
    old = read_yaml(TEXT, "").data
    section = data.draw(st.sampled_from(["providers", "models", "chains"]))
    new: dict[str, Any] = dict(old)
    entries = data.draw(
        st.lists(st.sampled_from(old[section]) | st.dictionaries(NAMES, VALUES, max_size=3))
    )
    new[section] = entries
    new["aliases"] = data.draw(st.dictionaries(NAMES, SCALARS, max_size=3))
    result = read_yaml(rewrite(TEXT, new), "").data
    assert result == new


@settings(max_examples=40, deadline=None)
@example(field="weight", value=": a", provider="gpu-box")
@given(
    field=st.sampled_from(["weight", "name", "gpu", "location", "maxConcurrent", "kind"]),
    value=st.integers(1, 99) | st.text(alphabet="ab :#'", min_size=1, max_size=9),
    provider=st.sampled_from(["gpu-box", "openai"]),
)
def test_an_edit_keeps_every_comment_and_every_other_line(
    field: str, value: object, provider: str
) -> None:
    new = edit.patch_provider(TEXT, provider, {field: value})
    for line in TEXT.splitlines():
        _, hash_sign, comment = line.partition("#")
        if hash_sign:
            assert f"#{comment}" in new
    assert len([line for line in changed(new) if line.startswith("-")]) <= 1
    assert len([line for line in changed(new) if line.startswith("+")]) <= 1


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(4)), cut=st.integers(1, 4))
def test_a_chain_is_put_in_any_order_with_its_comments(order: list[int], cut: int) -> None:
    steps = [f"    - {{providerId: p, modelId: m{n}}}  # step {n}\n" for n in range(4)]
    text = "# top\nchains:\n  - id: c\n    models:\n" + "".join(steps) + "# end\n"
    wanted = [{"providerId": "p", "modelId": f"m{n}"} for n in order[:cut]]
    new = edit.patch_chain(text, "c", {"models": wanted})
    assume(read_yaml(new, "").data["chains"][0]["models"] == wanted)
    assert [line + "\n" for line in new.splitlines()[4:-1]] == [steps[n] for n in order[:cut]]
