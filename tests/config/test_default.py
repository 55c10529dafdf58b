from __future__ import annotations

from tests.config.world import KINDS, CompileText

from laird.config.default import FoundServer, first_document
from laird.domain.catalog import Egress


def test_with_nothing_found_there_is_the_demo(compile_text: CompileText) -> None:
    text = first_document(kinds=KINDS, environment={})
    snapshot = compile_text(text)
    assert list(snapshot.providers) == ["demo"]
    assert snapshot.defaults["demo"].id == "demo"
    assert [model.id for model in snapshot.models.values()] == ["demo", "demo-slow", "demo-tools"]
    assert snapshot.warnings == ()
    assert "# For Ollama, start it" in text or "For Ollama" in text


def test_what_is_found_is_in_it(compile_text: CompileText) -> None:
    text = first_document(
        servers=[
            FoundServer(
                kind="ollama",
                endpoint="http://127.0.0.1:11434",
                models=("llama3.2:3b", "Qwen 2: big", "???"),
            ),
            FoundServer(kind="ollama", endpoint="http://127.0.0.1:11435"),
            FoundServer(kind="vllm", endpoint="http://127.0.0.1:8000/v1", models=("org/M-7B",)),
        ],
        kinds=KINDS,
        environment={"OPENAI_API_KEY": "sk-hidden", "AZURE_OPENAI_API_KEY": "x"},
    )
    assert "sk-hidden" not in text
    snapshot = compile_text(text, OPENAI_API_KEY="sk-hidden")
    assert list(snapshot.providers) == ["demo", "ollama", "ollama-2", "vllm", "openai"]
    assert snapshot.by_name["Qwen 2: big"][0].upstream_model == "Qwen 2: big"
    assert snapshot.by_name["???"][0].egress is Egress.LOCAL
    assert snapshot.by_name["org/M-7B"][0].id == "org/m-7b"
    openai = snapshot.providers["openai"]
    assert openai.secret_source == "env:OPENAI_API_KEY"
    assert openai.secret is not None
    assert len([model for model in snapshot.models if model.startswith("openai/")]) >= 2


def test_the_commented_examples_are_right(compile_text: CompileText) -> None:
    text = first_document(
        kinds=KINDS, environment={}, starter_models={"openai": ["gpt-5-mini"]}
    ).replace("  # - id: ollama", "  - id: ollama")
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
