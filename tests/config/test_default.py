from __future__ import annotations

from tests.config.world import CompileText

from laird.config.default import FirstEntry, first_document

OLLAMA = FirstEntry(
    comment="Ollama, found running.",
    fields={
        "id": "ollama",
        "kind": "ollama",
        "endpoint": "http://127.0.0.1:11434",
        "models": ["llama3.2:3b", "Qwen 2: big", {"id": "model", "upstreamModel": "???"}],
    },
    local=True,
)
OPENAI = FirstEntry(
    comment="OpenAI, since OPENAI_API_KEY is set.",
    fields={"id": "openai", "kind": "openai", "authSecret": "env:OPENAI_API_KEY", "models": ["m"]},
    local=False,
)


def test_with_nothing_found_there_is_the_demo(compile_text: CompileText) -> None:
    text = first_document()
    snapshot = compile_text(text)
    assert list(snapshot.providers) == ["demo"]
    assert snapshot.defaults["demo"].id == "demo"
    assert [model.id for model in snapshot.models.values()] == ["demo", "demo-slow", "demo-tools"]
    assert snapshot.warnings == ()
    assert "For Ollama, start it" in text


def test_what_is_found_is_in_it_local_servers_first(compile_text: CompileText) -> None:
    text = first_document([OPENAI, OLLAMA])
    assert "  # Ollama, found running.\n  - id: ollama\n    kind: ollama\n" in text
    assert "  # OpenAI, since OPENAI_API_KEY is set.\n  - id: openai\n" in text
    assert "For Ollama, start it" not in text
    snapshot = compile_text(text, OPENAI_API_KEY="sk-hidden")
    assert list(snapshot.providers) == ["demo", "ollama", "openai"]
    assert snapshot.by_name["Qwen 2: big"][0].upstream_model == "Qwen 2: big"
    assert snapshot.by_name["???"][0].provider_id == "ollama"
    assert snapshot.providers["openai"].secret is not None


def test_clouds_alone_leave_the_hint_for_local_servers(compile_text: CompileText) -> None:
    text = first_document([OPENAI])
    assert "For Ollama, start it" in text
    assert list(compile_text(text).providers) == ["demo", "openai"]


def test_the_commented_examples_are_right(compile_text: CompileText) -> None:
    text = first_document().replace("  # - id: ollama", "  - id: ollama")
    lines = []
    for line in text.splitlines():
        if line.startswith("  #   "):
            lines.append(f"    {line.removeprefix('  #   ')}")
        elif line.startswith(("# chains", "#   -", "#     ", "#       ", "# aliases", "#   ")):
            lines.append(line.removeprefix("# "))
        else:
            lines.append(line)
    text = "\n".join(lines).replace("{providerId: openai, modelId: gpt-5-mini}", "")
    text = text.replace("      - \n", "").replace("# routing:", "routing:")
    snapshot = compile_text(text)
    assert snapshot.chains["reliable"].steps[0].provider_id == "ollama"
    assert snapshot.aliases == {"fast": "demo"}
