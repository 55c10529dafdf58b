"""The local library: models at the hub, downloads, what is installed, and what runs."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from laird.api.admin.context import Admin
from laird.api.admin.library_shapes import (
    DownloadShown,
    DownloadsShown,
    FilesShown,
    InstalledShown,
    LibraryShown,
    LogShown,
    MachineShown,
    RecommendedShown,
    RemovedShown,
    RepositoriesShown,
    RunShown,
    UpdateShown,
)
from laird.api.admin.routes import routes_at
from laird.audit.store import record
from laird.domain.errors import NotFound
from laird.domain.local_models import LIBRARY, Running, RunState
from laird.gateway.library.values import Kept
from laird.library import fit
from laird.library.downloads.values import DownloadProgress
from laird.usage.of_models import Used, used_models

Name = Annotated[str, Field(min_length=1, max_length=200)]


class PullWanted(BaseModel):
    """A model to download."""

    model_config = ConfigDict(extra="forbid")

    repository: Name = Field(
        description="`owner/name` at the hub, or the short name of a recommended model."
    )
    file: str | None = Field(
        default=None, max_length=500, description="One of its files; else the usual one."
    )
    quantization: str | None = Field(default=None, max_length=40, description="As Q4_K_M.")


class RunChanges(BaseModel):
    """How a model shall be run; what is left out stays, null leaves it to Laird."""

    model_config = ConfigDict(extra="forbid")

    context_size: int | None = Field(default=None, ge=256, le=10_000_000, description="Tokens.")
    gpu_layers: int | None = Field(
        default=None, ge=-1, le=10_000, description="Layers on the GPU; -1 is all of them."
    )
    slots: int | None = Field(
        default=None, ge=1, le=256, description="Requests that it answers at the same time."
    )


_FIELDS = {"context_size": "contextWindow", "gpu_layers": "gpuLayers", "slots": "slots"}


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/library", "library")
    _finding(routes, admin)
    _downloading(routes, admin)
    _installed(routes, admin)
    _running(routes, admin)
    return routes


def _finding(routes: APIRouter, admin: Admin) -> None:
    """Add the routes of what is there to be had."""
    library = admin.library

    @routes.get("/machine")
    async def machine(request: Request) -> MachineShown:
        """Say what this machine has, and how large models may be here."""
        admin.gate.actor(request)
        found = await library.machine()
        kept = await library.models()
        shown: Any = {
            **msgspec.to_builtins(found),
            "advice": fit.largest_that_fits(found),
            "folder": str(library.shelf.root),
            "models": len(kept),
            "models_bytes": sum(each.installed.size for each in kept),
        }
        answer: MachineShown = shown
        return answer

    @routes.get("/recommended")
    async def recommended(request: Request) -> RecommendedShown:
        """List models that are a good first choice, judged for this machine."""
        admin.gate.actor(request)
        shown: Any = [
            {
                **msgspec.to_builtins(each.model),
                "verdict": msgspec.to_builtins(each.verdict),
                "installed": each.installed,
            }
            for each in await library.recommended()
        ]
        return {"models": shown}

    @routes.get("/search")
    async def search(
        request: Request,
        text: Annotated[str, Query(max_length=200)] = "",
        least: Annotated[int | None, Query(ge=0, description="Least parameters.")] = None,
        most: Annotated[int | None, Query(ge=0, description="Most parameters.")] = None,
        quantization: Annotated[str | None, Query(max_length=40)] = None,
        sort: Literal["downloads", "likes", "updated"] = "downloads",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> RepositoriesShown:
        """Search the hub for repositories with GGUF models."""
        admin.gate.actor(request)
        await library.hub()
        hub = importlib.import_module("laird.library.hub")
        wanted = hub.Search(
            text=text,
            least_parameters=least,
            most_parameters=most,
            quantization=quantization or None,
            sort=hub.Sort(sort),
            limit=limit,
        )
        return {"repositories": [_repository(each) for each in await library.search(wanted)]}

    @routes.get("/repositories/{owner}/{name}")
    async def files(request: Request, owner: str, name: str) -> FilesShown:
        """List the models of a repository, judged for this machine."""
        admin.gate.actor(request)
        found, offered = await library.files(f"{owner}/{name}")
        shown: Any = {
            **_repository(found),
            "revision": found.revision,
            "files": [
                {
                    "name": each.file.name,
                    "quantization": each.file.quantization,
                    "size": each.file.size,
                    "parts": len(each.file.parts),
                    "sha256": each.file.parts[0].sha256,
                    "projector": each.file.projector,
                    "verdict": msgspec.to_builtins(each.verdict),
                }
                for each in offered
            ],
        }
        answer: FilesShown = shown
        return answer


def _downloading(routes: APIRouter, admin: Admin) -> None:
    """Add the routes of downloads."""
    library = admin.library
    downloads = library.downloads

    @routes.get("/downloads")
    async def list_downloads(request: Request) -> DownloadsShown:
        """List the downloads, and the last of those that ended."""
        admin.gate.actor(request)
        return {"downloads": [_download(each) for each in downloads.list()]}

    @routes.post("/downloads", status_code=201)
    async def pull(request: Request, wanted: PullWanted) -> DownloadShown:
        """Begin to download a model; it goes on by itself, over restarts too."""
        actor = admin.gate.actor(request)
        progress = await library.pull(
            wanted.repository, file=wanted.file, quantization=wanted.quantization, actor=actor
        )
        await _note(admin, request, "pull", progress.repository, f"download of {progress.files[0]}")
        return _download(progress)

    @routes.get("/downloads/{download_id}")
    async def show_download(request: Request, download_id: str) -> DownloadShown:
        """Show one download."""
        admin.gate.actor(request)
        return _download(downloads.get(download_id))

    @routes.post("/downloads/{download_id}/pause")
    async def pause(request: Request, download_id: str) -> DownloadShown:
        """Stop a download until it is resumed; what has come is kept."""
        admin.gate.actor(request)
        return _download(await downloads.pause(download_id))

    @routes.post("/downloads/{download_id}/resume")
    async def resume(request: Request, download_id: str) -> DownloadShown:
        """Go on with a download that rests or has failed."""
        admin.gate.actor(request)
        return _download(await downloads.resume(download_id))

    @routes.delete("/downloads/{download_id}")
    async def cancel(request: Request, download_id: str) -> DownloadShown:
        """Give a download up and delete what has come."""
        admin.gate.actor(request)
        progress = await downloads.cancel(download_id)
        await _note(admin, request, "cancel", progress.repository, "a download was given up")
        return _download(progress)


def _installed(routes: APIRouter, admin: Admin) -> None:
    """Add the routes of what is installed."""
    library = admin.library

    @routes.get("/models")
    async def list_models(request: Request) -> LibraryShown:
        """List the installed models, and how each stands."""
        admin.gate.actor(request)
        used = await _used(admin)
        return {"models": [_shown(each, used) for each in await library.models()]}

    @routes.get("/models/{model_id}")
    async def show_model(request: Request, model_id: str) -> InstalledShown:
        """Show one installed model."""
        admin.gate.actor(request)
        return _shown(await library.model(model_id), await _used(admin))

    @routes.patch("/models/{model_id}")
    async def change_model(request: Request, model_id: str, changes: RunChanges) -> InstalledShown:
        """Change how a model is run; it is started anew as soon as nobody uses it."""
        actor = admin.gate.actor(request)
        said = changes.model_dump(exclude_unset=True)
        fields = {_FIELDS[name]: value for name, value in said.items()}
        kept = await library.configure(model_id, fields, actor)
        return _shown(kept, await _used(admin))

    @routes.post("/models/{model_id}/offer")
    async def offer(request: Request, model_id: str) -> InstalledShown:
        """Have the document offer a model, such as one whose file was put there by hand."""
        actor = admin.gate.actor(request)
        await library.offer(model_id, actor)
        return _shown(await library.model(model_id), await _used(admin))

    @routes.delete("/models/{model_id}")
    async def remove(request: Request, model_id: str) -> RemovedShown:
        """Take a model out of the document and delete its files."""
        actor = admin.gate.actor(request)
        gone = await library.remove(model_id, actor)
        await _note(admin, request, "remove", gone.id, f"its files were deleted: {gone.repository}")
        return {"id": gone.id, "size": gone.size}

    @routes.get("/models/{model_id}/update")
    async def update(request: Request, model_id: str) -> UpdateShown:
        """Ask the hub whether it has another file of that name now."""
        admin.gate.actor(request)
        return {"available": await library.outdated(model_id)}


def _running(routes: APIRouter, admin: Admin) -> None:
    """Add the routes of what runs."""
    library = admin.library

    @routes.post("/models/{model_id}/run")
    async def run(request: Request, model_id: str) -> RunShown:
        """Load a model, as the first request to it would."""
        admin.gate.actor(request)
        await library.offer(model_id, admin.gate.actor(request))
        return _state(await library.run(model_id))

    @routes.post("/models/{model_id}/stop")
    async def stop(request: Request, model_id: str) -> RunShown:
        """Unload a model as soon as nobody uses it."""
        admin.gate.actor(request)
        await library.stop(model_id)
        running = library.fleet.states().get(model_id)
        return _state(running or Running(id=model_id, state=RunState.COLD))

    @routes.get("/models/{model_id}/log")
    async def log(
        request: Request, model_id: str, lines: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> LogShown:
        """Show the last lines that a model's process wrote."""
        admin.gate.actor(request)
        if model_id not in library.fleet.states():
            raise NotFound(f"No model '{model_id[:100]}' is offered by the library.")
        return {"lines": list(library.fleet.log_lines(model_id, lines))}


async def _note(admin: Admin, request: Request, what: str, name: str, summary: str) -> None:
    deed = admin.deed(request, f"library.{what}", (name, name), summary)
    await admin.database.write(lambda connection: record(connection, deed))


async def _used(admin: Admin) -> dict[str, Used]:
    """Return what models were used, by `provider/model`."""
    providers = admin.configuration.snapshot.providers.values()
    local = [each.id for each in providers if each.kind == LIBRARY]
    used: dict[str, Used] = {}
    if local:
        await admin.drain.flush()
    for provider in local:
        found = await admin.database.read(partial(used_models, provider=provider))
        used |= {f"{provider}/{model}": use for model, use in found.items()}
    return used


def _repository(found: Any) -> Any:
    return {
        "repository": found.repository,
        "author": found.author,
        "downloads": found.downloads,
        "likes": found.likes,
        "updated": found.updated.isoformat() if found.updated is not None else None,
        "gated": found.gated,
        "parameters": found.parameters,
        "architecture": found.architecture,
        "context_length": found.context_length,
        "quantizations": list(found.quantizations),
    }


def _download(progress: DownloadProgress) -> DownloadShown:
    shown: DownloadShown = msgspec.to_builtins(progress)
    return shown


def _state(running: Running) -> RunShown:
    return {
        "id": running.id,
        "state": running.state.value,
        "loaded_ms": running.loaded_ms,
    }


def _shown(kept: Kept, used: dict[str, Used]) -> InstalledShown:
    installed, header, running = kept.installed, kept.header, kept.running
    key = f"{kept.provider_id}/{kept.name}" if kept.provider_id else None
    use = used.get(key or "")
    need = kept.need
    shown: Any = {
        "id": installed.id,
        "repository": installed.repository,
        "files": [each.file for each in installed.files],
        "size": installed.size,
        "quantization": installed.quantization or (header.quantization if header else None),
        "verified": installed.verified,
        "installed_us": installed.installed_us,
        "title": header.name if header else None,
        "architecture": header.architecture if header else None,
        "parameters": header.parameters or None if header else None,
        "context_length": header.context_length or None if header else None,
        "license": header.license if header else None,
        "embeddings": header.embeddings if header else False,
        "tools": header.tools if header else False,
        "model": key,
        "context_size": kept.settings.context_size,
        "gpu_layers": kept.settings.gpu_layers,
        "slots": kept.settings.slots,
        "need": {**msgspec.to_builtins(need), "total": need.total} if need else None,
        "verdict": msgspec.to_builtins(kept.verdict),
        "state": running.state.value if running else None,
        "active": running.active if running else 0,
        "waiting": running.waiting if running else 0,
        "loaded_ms": running.loaded_ms if running else None,
        "problem": kept.problem or (running.problem if running else None),
        "calls": use.calls if use else 0,
        "last_used_us": (running.last_used_us if running else None)
        or (use.last_day_us if use else None),
    }
    answer: InstalledShown = shown
    return answer
