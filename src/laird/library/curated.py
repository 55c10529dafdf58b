"""Ten models that are a good first choice, each with the file to take.

They are known by repository and file; what is said of sizes is for choosing among them, and the hub
tells the exact size and the SHA-256 before anything is downloaded.
"""

from __future__ import annotations

import msgspec

_GIB = 1024**3
_SMALL_RAM, _USUAL_RAM = 4 * _GIB, 8 * _GIB
_MISTRAL_WEIGHTS, _MISTRAL_SIZE = 7_240_000_000, 4_368_000_000
_LLAMA_WEIGHTS, _LLAMA_SIZE = 6_740_000_000, 4_081_000_000
_APACHE, _LLAMA_LICENSE = "Apache-2.0", "Llama 2 Community License"


class CuratedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is offered by name."""

    id: str
    """Short, to be typed: `mistral-7b`."""
    title: str
    good_for: str
    """A line that helps to choose."""
    repository: str
    """`owner/name` at the hub."""
    file: str
    """The file in that repository."""
    quantization: str = "Q4_K_M"
    parameters: int
    """Weights."""
    size: int
    """About how many bytes the file has."""
    ram: int
    """Bytes of main memory that a machine should have for it."""
    license: str | None = None
    """Of the model, where it is known."""


CURATED: tuple[CuratedModel, ...] = (
    CuratedModel(
        id="mistral-7b",
        title="Mistral 7B Instruct v0.2",
        good_for="A sound first choice: answers, summaries and drafts, with a long context.",
        repository="TheBloke/Mistral-7B-Instruct-v0.2-GGUF",
        file="mistral-7b-instruct-v0.2.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
        license=_APACHE,
    ),
    CuratedModel(
        id="llama-2-7b",
        title="Llama 2 7B Chat",
        good_for="Careful conversation in English.",
        repository="TheBloke/Llama-2-7B-Chat-GGUF",
        file="llama-2-7b-chat.Q4_K_M.gguf",
        parameters=_LLAMA_WEIGHTS,
        size=_LLAMA_SIZE,
        ram=_USUAL_RAM,
        license=_LLAMA_LICENSE,
    ),
    CuratedModel(
        id="phi-2",
        title="Phi-2",
        good_for="Short reasoning and simple code on a machine with little memory.",
        repository="TheBloke/phi-2-GGUF",
        file="phi-2.Q4_K_M.gguf",
        parameters=2_780_000_000,
        size=1_789_000_000,
        ram=_SMALL_RAM,
        license="MIT",
    ),
    CuratedModel(
        id="codellama-7b",
        title="Code Llama 7B Instruct",
        good_for="Writing and explaining code.",
        repository="TheBloke/CodeLlama-7B-Instruct-GGUF",
        file="codellama-7b-instruct.Q4_K_M.gguf",
        parameters=_LLAMA_WEIGHTS,
        size=_LLAMA_SIZE,
        ram=_USUAL_RAM,
        license=_LLAMA_LICENSE,
    ),
    CuratedModel(
        id="openorca-7b",
        title="Mistral 7B OpenOrca",
        good_for="Explanations step by step.",
        repository="TheBloke/Mistral-7B-OpenOrca-GGUF",
        file="mistral-7b-openorca.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
    ),
    CuratedModel(
        id="tinyllama",
        title="TinyLlama 1.1B Chat v1.0",
        good_for="Trying things out: small, quick, and not to be relied upon.",
        repository="TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",
        file="tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
        parameters=1_100_000_000,
        size=669_000_000,
        ram=_SMALL_RAM,
        license=_APACHE,
    ),
    CuratedModel(
        id="neural-chat-7b",
        title="Neural Chat 7B v3.3",
        good_for="Conversation and questions of general knowledge.",
        repository="TheBloke/neural-chat-7B-v3-3-GGUF",
        file="neural-chat-7b-v3-3.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
    ),
    CuratedModel(
        id="zephyr-7b",
        title="Zephyr 7B Beta",
        good_for="A helpful assistant's tone in long answers.",
        repository="TheBloke/zephyr-7B-beta-GGUF",
        file="zephyr-7b-beta.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
        license="MIT",
    ),
    CuratedModel(
        id="openhermes-7b",
        title="OpenHermes 2.5 Mistral 7B",
        good_for="Following instructions closely, and some code.",
        repository="TheBloke/OpenHermes-2.5-Mistral-7B-GGUF",
        file="openhermes-2.5-mistral-7b.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
        license=_APACHE,
    ),
    CuratedModel(
        id="starling-7b",
        title="Starling LM 7B Alpha",
        good_for="Answers that people preferred in comparisons.",
        repository="TheBloke/Starling-LM-7B-alpha-GGUF",
        file="starling-lm-7b-alpha.Q4_K_M.gguf",
        parameters=_MISTRAL_WEIGHTS,
        size=_MISTRAL_SIZE,
        ram=_USUAL_RAM,
    ),
)


def curated(name: str) -> CuratedModel | None:
    """Return a model by its id or its repository, in any case; None for another."""
    wanted = name.lower()
    return next((one for one in CURATED if wanted in {one.id, one.repository.lower()}), None)
