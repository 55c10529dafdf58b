"""How each kind of local server is known.

By its usual ports, its mark in the list of models, and the question that only it answers so.

The table's order is the order in which servers are considered. LocalAI and KoboldCpp imitate
Ollama, so they come before it; LM Studio writes each question that it does not know into its log,
so it comes first. Wire facts are from the servers' own sources and documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import msgspec

from laird.gateway.discovery import marks, proofs
from laird.gateway.discovery.answers import Answer
from laird.gateway.discovery.proofs import Told
from laird.providers.base import FoundModel


class Mark(IntEnum):
    """What the answer to `GET /v1/models` says about being a certain kind of server."""

    NO = 0
    AT_HOME = 1
    """Possible, and worth a question at the server's usual port or one that was named."""
    LIKELY = 2
    """Worth a question at any port."""
    SURE = 3
    """It says so itself; a question only tells more."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server."""

    name: str
    """The id that a provider of this kind gets."""
    title: str
    kind: str
    """The document's `kind`."""
    ports: tuple[int, ...]
    sure: Callable[[Answer], bool] = marks.never
    likely: Callable[[Answer], bool] = marks.never
    at_home: Callable[[Answer], bool] = marks.never
    questions: tuple[str, ...]
    """Paths that prove it, asked in turn until one does."""
    proof: Callable[[Answer], Told | None]
    """Reads the answer to a question; None where it is not this kind of server's."""
    more: str | None = None
    """Where it tells more of its models."""
    read_more: Callable[[tuple[FoundModel, ...], Answer], tuple[FoundModel, ...]] | None = None
    """Adds that; None where the kind's adapter reads the answer as the list of models."""
    silent_with_key: bool = False
    """It lists nothing to who has no key."""
    named_port: bool = True
    """A port that was named is as good as a usual one."""
    path: str = ""
    """What is appended to the origin to make the endpoint."""
    remote_owner: Callable[[str], bool] | None = None
    """Tells by `owned_by` that a model runs elsewhere."""

    def mark(self, listing: Answer) -> Mark:
        """Return what an answer to `GET /v1/models` says."""
        if self.sure(listing):
            return Mark.SURE
        if self.likely(listing):
            return Mark.LIKELY
        return Mark.AT_HOME if self.at_home(listing) else Mark.NO


FINGERPRINTS: tuple[Fingerprint, ...] = (
    Fingerprint(
        name="lmstudio",
        title="LM Studio",
        kind="lmstudio",
        ports=(1234,),
        sure=marks.says("LM Studio API token", "Unexpected endpoint or method"),
        likely=marks.owned_by("organization_owner"),
        at_home=marks.lists_nothing,
        # 0.4 knows both; the older comes first, for the other would be written into the log.
        questions=("/api/v0/models", "/api/v1/models"),
        proof=proofs.lm_studio,
        silent_with_key=True,
    ),
    Fingerprint(
        name="koboldcpp",
        title="KoboldCpp",
        kind="custom",
        ports=(5001,),
        # TabbyAPI answers the question as KoboldCpp does, but owns its models itself.
        likely=marks.either(
            marks.owned_by("koboldcpp"), marks.says("Authentication key is missing or invalid")
        ),
        questions=("/api/extra/version",),
        proof=proofs.koboldcpp,
        more="/api/extra/true_max_context_length",
        read_more=proofs.koboldcpp_window,
        silent_with_key=True,
        path="/v1",
    ),
    Fingerprint(
        name="localai",
        title="LocalAI",
        kind="localai",
        ports=(8080,),
        likely=marks.either(marks.unowned, marks.says("An authentication key is required")),
        at_home=marks.either(marks.lists_nothing, marks.no_list),
        questions=("/.well-known/localai.json", "/version"),
        proof=proofs.local_ai,
        more="/v1/models/capabilities",
        read_more=proofs.local_ai_abilities,
        silent_with_key=True,
    ),
    Fingerprint(
        name="llamacpp",
        title="llama.cpp server",
        kind="llamacpp",
        ports=(8080,),
        sure=marks.either(marks.served_by("llama.cpp"), marks.owned_by("llamacpp")),
        questions=("/props",),
        proof=proofs.llama_cpp,
    ),
    Fingerprint(
        name="vllm",
        title="vLLM",
        kind="vllm",
        ports=(8000,),
        sure=marks.owned_by("vllm"),
        likely=marks.says_only("Unauthorized"),
        questions=("/version",),
        proof=proofs.vllm,
        silent_with_key=True,
    ),
    Fingerprint(
        name="sglang",
        title="SGLang",
        kind="custom",
        ports=(30000,),
        sure=marks.owned_by("sglang"),
        at_home=marks.says_only("Unauthorized"),
        questions=("/get_model_info",),
        proof=proofs.sglang,
        silent_with_key=True,
        # With a key it says to everything what others say as well.
        named_port=False,
        path="/v1",
    ),
    Fingerprint(
        name="tgi",
        title="Text Generation Inference",
        kind="custom",
        ports=(3000,),
        likely=marks.owned_by_themselves,
        at_home=marks.no_list,
        questions=("/info",),
        proof=proofs.tgi,
        path="/v1",
    ),
    Fingerprint(
        name="lightllm",
        title="LightLLM",
        kind="lightllm",
        ports=(8000,),
        sure=marks.owned_by("lightllm"),
        # Older ones have no list of models.
        at_home=marks.no_list,
        questions=("/get_model_name",),
        proof=proofs.light_llm,
    ),
    Fingerprint(
        name="jan",
        title="Jan",
        kind="custom",
        ports=(1337,),
        likely=marks.either(
            marks.made_at_one,
            marks.says("Missing authorization header", "Invalid or missing authorization token"),
        ),
        at_home=marks.lists_nothing,
        # It shows its description to everybody.
        questions=("/openapi.json",),
        proof=proofs.jan,
        silent_with_key=True,
        path="/v1",
        remote_owner=proofs.jan_sends_on,
    ),
    Fingerprint(
        name="ollama",
        title="Ollama",
        kind="ollama",
        ports=(11434,),
        likely=marks.owned_by_namespace,
        at_home=marks.lists_nothing,
        questions=("/api/version",),
        proof=proofs.ollama,
        more="/api/tags",
    ),
)

USUAL_PORTS: tuple[int, ...] = tuple(
    dict.fromkeys(port for row in FINGERPRINTS for port in row.ports)
)
"""The ports at which each host is asked."""
