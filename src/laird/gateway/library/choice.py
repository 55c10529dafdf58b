"""Which file of a repository is meant, and what the document and the runtime are told of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from laird.config import edit
from laird.domain.catalog import Model, Snapshot
from laird.domain.errors import InvalidRequest
from laird.domain.local_models import LIBRARY, Fit, RunnableModel, RunSettings
from laird.gateway.library.values import Offered
from laird.library import fit
from laird.library.gguf import BadGguf, GgufHeader
from laird.library.machine import Machine
from laird.library.quantization import quality
from laird.library.shelf import Installed

if TYPE_CHECKING:
    from laird.library.hub import HubFile, HubRepository

_USUAL = "Q4_K_M"


def choose(
    found: HubRepository,
    offered: tuple[Offered, ...],
    file: str | None,
    quantization: str | None,
) -> HubFile:
    """Return the model of a repository that is meant. Raises `InvalidRequest`."""
    models = [each for each in offered if not each.file.projector]
    names = ", ".join(each.file.quantization or each.file.name for each in models[:20])
    if not models:
        raise InvalidRequest(f"{found.repository} has no GGUF model that could be verified.")
    if file is not None:
        for each in offered:
            if file in {each.file.name, *(part.file for part in each.file.parts)}:
                return each.file
        raise InvalidRequest(
            f"{found.repository} has no file '{file[:200]}'. It has: {names}.", param="file"
        )
    wanted = quantization or _USUAL
    for each in models:
        if (each.file.quantization or "").lower() == wanted.lower():
            return each.file
    if quantization is not None:
        raise InvalidRequest(
            f"{found.repository} has no model at {quantization[:40]}. It has: {names}.",
            param="quantization",
        )
    fitting = [each for each in models if each.verdict.fit is not Fit.TOO_BIG]
    if fitting:
        return max(fitting, key=lambda each: quality(each.file.quantization)).file
    return min(models, key=lambda each: each.file.size).file


def problem_of(installed: Installed, header: GgufHeader | BadGguf) -> str | None:
    """Return why an installed model can't be run, with what to do; None where it can."""
    if installed.problem is not None:
        return installed.problem
    if isinstance(header, BadGguf):
        return header.message
    if header.why_not_runnable is not None:
        return header.why_not_runnable
    return "It is no model by itself." if installed.projector else None


def weights_of(installed: Installed, header: GgufHeader) -> int | None:
    """Return the bytes of all parts of a split model; None for one in one file."""
    return installed.size if header.split_count > 1 else None


def runnable(
    installed: Installed, header: GgufHeader, model: Model, machine: Machine
) -> RunnableModel:
    """Return how an installed model is started, by its entry in the document."""
    weights = weights_of(installed, header)
    settings = fit.chosen(header, model.run or RunSettings(), machine, weights=weights)
    return RunnableModel(
        id=installed.id,
        path=installed.path,
        need=fit.estimate(header, settings, weights=weights),
        settings=settings,
        embeddings=header.embeddings,
    )


def entry_of(installed: Installed, header: GgufHeader, settings: RunSettings) -> dict[str, Any]:
    """Return a model's entry in the document."""
    entry: dict[str, Any] = {"id": installed.id, "contextWindow": settings.context_size}
    if header.name:
        entry["name"] = header.name[:200]
    if header.embeddings:
        entry["capabilities"] = {"embeddings": True}
    else:
        entry["capabilities"] = {"functionCalling": header.tools, "jsonMode": True}
    return entry


def with_model(text: str, snapshot: Snapshot, entry: Mapping[str, Any]) -> str:
    """Return the document with one more model of the library.

    It goes to the provider that is the library, one that is enabled where there are several; else
    that is made. Names that are taken are avoided.
    """
    there = [each for each in snapshot.providers.values() if each.kind == LIBRARY]
    if not there:
        taken = {*snapshot.providers, *snapshot.chains, *snapshot.aliases}
        made = {"id": _free(LIBRARY, taken), "kind": LIBRARY, "name": "Local library"}
        return edit.add_provider(text, {**made, "models": [entry]})
    provider_id = max(there, key=lambda each: each.enabled).id
    taken = {each.id for each in snapshot.models.values() if each.provider_id == provider_id}
    name = _free(entry["id"], taken)
    if name != entry["id"]:
        entry = {**entry, "id": name, "upstreamModel": entry["id"]}
    return edit.add_model(text, provider_id, entry)


def check_unused(snapshot: Snapshot, models: Iterable[Model]) -> None:
    """Raise `InvalidRequest` where a failover chain or an alias leads to one of these models."""
    gone = {model.key for model in models}
    users = [
        f"the failover chain '{chain.id}'"
        for chain in snapshot.chains.values()
        if any(f"{step.provider_id}/{step.model_id}" in gone for step in chain.steps)
    ] + [f"the alias '{name}'" for name, target in snapshot.aliases.items() if target in gone]
    if users:
        raise InvalidRequest(f"'{min(gone)}' is used by {' and '.join(users)}. Change that first.")


def without_models(text: str, models: Iterable[Model]) -> str:
    """Return the document without some models."""
    for model in models:
        text = edit.remove_model(text, model.provider_id, model.id)
    return text


def _free(name: str, taken: Container[str]) -> str:
    numbered = (f"{name}-{number}" for number in count(2))
    return next(each for each in chain((name,), numbered) if each not in taken)
