"""A hub of models on real loopback sockets, as huggingface_hub's own code expects one.

    async with HubServer() as hub:
        hub.add("maker/tiny-GGUF", {"tiny.Q4_K_M.gguf": data}, downloads=7)
        hub.on_bytes(Fault(cut_after=1000))
        ...
        assert hub.ranges == [("tiny.Q4_K_M.gguf", 0), ("tiny.Q4_K_M.gguf", 1000)]

The bytes of files come from another origin than the rest, like those of the real one, unless it is
made with `direct=True`. For a test without a loop of its own: `with threaded_hub() as hub:`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.support.answers import Answer, json_answer, text_answer
from tests.support.gates import Waitable
from tests.support.upstream import Received, ScriptedUpstream, threaded_upstream

COMMIT = "c0ffee" * 6 + "abcd"
"""The commit of every repository, until it is replaced."""


@dataclass(frozen=True)
class Fault:
    """What is done wrong to one request. Counts of bytes are of the body of that answer."""

    cut_after: int | None = None
    """Close properly after so many bytes."""
    reset_after: int | None = None
    stall_after: int | None = None
    """Fall silent until the client leaves."""
    status: int | None = None
    """Refuse."""
    retry_after: str | None = None
    error_code: str | None = None
    message: str = "refused as scripted"
    ignore_range: bool = False
    """Answer 200 with the whole file."""
    shifted_by: int = 0
    """Begin so many bytes later than was asked for."""
    etag: str | None = None
    corrupt_at: int | None = None
    """Change one byte."""
    length: int | None = None
    """Announce another Content-Length, and send so many zeros."""
    surplus: int = 0
    """Send so many bytes more than the file has, without a Content-Length."""
    pace_s: float = 0.0
    """Pause between the pieces."""
    gate: Waitable | None = None
    """Wait for it before the first byte of the body."""
    location: str | None = None
    """Redirect there instead."""


@dataclass
class _Repository:
    name: str
    files: dict[str, bytes]
    facts: dict[str, Any]
    gated: str | bool
    private: bool
    parameters: int | None
    plain: frozenset[str]
    commit: str = COMMIT
    sha256: dict[str, str] = field(default_factory=dict)

    def digest(self, file: str) -> str:
        if file not in self.sha256:
            self.sha256[file] = hashlib.sha256(self.files[file]).hexdigest()
        return self.sha256[file]

    @property
    def author(self) -> str:
        return self.name.split("/")[0]


class HubServer:
    """The hub. Attributes may be read from any thread."""

    def __init__(
        self,
        *,
        direct: bool = False,
        linked: bool = True,
        page: int = 100,
        piece: int = 16 * 1024,
        token: str | None = None,
    ) -> None:
        """Set up.

        Args:
            direct: The hub itself sends the bytes of files.
            linked: It tells SHA-256 and size of a file in `X-Linked-` headers.
            page: Repositories on each page of a list.
            piece: Bytes that are written at once.
            token: Whoever shows it may have what is gated or private.
        """
        self.hub = ScriptedUpstream()
        self.cdn = ScriptedUpstream()
        self.ranges: list[tuple[str, int]] = []
        """Each request for bytes: the file, and the first byte asked for."""
        self._direct = direct
        self._linked = linked
        self._page = page
        self._piece = piece
        self._token = token
        self._repositories: dict[str, _Repository] = {}
        self._byte_faults: deque[Fault] = deque()
        self._hub_faults: deque[Fault] = deque()
        self._epoch = 0
        self._always_bytes = Fault()
        self.hub.always(self._answer)
        self.cdn.always(self._answer_bytes)

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return self.hub.url

    @property
    def bytes_sent(self) -> int:
        """Bytes of answers that went out, heads included."""
        return self.hub.bytes_sent + self.cdn.bytes_sent

    def add(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        downloads: int = 0,
        likes: int = 0,
        updated: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        gated: str | bool = False,
        private: bool = False,
        parameters: int | None = None,
        architecture: str | None = "llama",
        context: int | None = 2048,
        tags: tuple[str, ...] = ("gguf",),
        plain: tuple[str, ...] = (),
    ) -> None:
        """Put a repository there, or another version of it; `plain` files have no SHA-256."""
        gguf = {"total": parameters, "architecture": architecture, "context_length": context}
        facts: dict[str, Any] = {
            "author": name.split("/", maxsplit=1)[0],
            "downloads": downloads,
            "likes": likes,
            "gated": gated,
            "lastModified": updated.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "tags": list(tags),
        }
        if parameters is not None:
            facts["gguf"] = {key: value for key, value in gguf.items() if value is not None}
        self._repositories[name] = _Repository(
            name, dict(files), facts, gated, private, parameters, frozenset(plain)
        )

    def on_bytes(self, *faults: Fault) -> None:
        """Say what is done to the next requests for bytes, in order."""
        self._byte_faults.extend(faults)

    def always_on_bytes(self, fault: Fault) -> None:
        """Say what is done to requests for bytes once the queue of faults is empty."""
        self._always_bytes = fault

    def on_hub(self, *faults: Fault) -> None:
        """Say what is done to the next requests to the hub itself, in order."""
        self._hub_faults.extend(faults)

    def expire(self) -> None:
        """Let each place of bytes that was told until now be refused."""
        self._epoch += 1

    async def __aenter__(self) -> Self:
        await self.cdn.__aenter__()
        await self.hub.__aenter__()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self.hub.__aexit__(*about)
        await self.cdn.__aexit__(*about)

    def _answer(self, request: Received) -> Answer:
        path, query = unquote(request.path), parse_qs(urlsplit(request.target).query)
        if "/resolve/" not in path or not self._direct:
            fault = self._hub_faults.popleft() if self._hub_faults else Fault()
            if fault.status is not None:
                return _refused(fault)
            if fault.location is not None:
                return Answer(302, (("Location", fault.location),))
        if path == "/api/models":
            return self._list(query)
        if path.startswith("/api/models/"):
            return self._info(path.removeprefix("/api/models/"), request)
        name, _, rest = path.removeprefix("/").partition("/resolve/")
        return self._resolve(name, rest.partition("/")[2], request)

    def _list(self, query: dict[str, list[str]]) -> Answer:
        found = [r for r in self._repositories.values() if _matches(r, query)]
        sort = query.get("sort", ["downloads"])[0]
        found.sort(key=lambda r: r.facts[sort], reverse=True)
        start = int(query.get("cursor", ["0"])[0])
        limit = min(self._page, int(query.get("limit", ["1000"])[0]))
        items = [self._listed(r, query.get("expand", [])) for r in found[start : start + limit]]
        headers = []
        if start + limit < len(found):
            following = urlencode({**query, "cursor": [start + limit]}, doseq=True)
            headers.append(("Link", f'<{self.url}/api/models?{following}>; rel="next"'))
        return json_answer(items, headers=headers)

    def _listed(self, repository: _Repository, expand: list[str]) -> dict[str, Any]:
        facts = {key: value for key, value in repository.facts.items() if key in expand}
        if "siblings" in expand:
            facts["siblings"] = [{"rfilename": file} for file in repository.files]
        return {"_id": "1", "id": repository.name, **facts}

    def _info(self, path: str, request: Received) -> Answer:
        name, _, rest = path.partition("/revision/")
        name, _, tree = name.partition("/tree/")
        repository = self._repositories.get(name)
        if repository is None or (repository.private and not self._may(request)):
            return self._unknown(request)
        if rest and rest not in {"main", repository.commit}:
            return _refused(Fault(status=404, error_code="RevisionNotFound"))
        if tree:
            return json_answer([_entry(repository, file) for file in repository.files])
        siblings = [_sibling(repository, file) for file in repository.files]
        return json_answer(
            {
                "_id": "1",
                "id": name,
                "sha": repository.commit,
                "private": repository.private,
                **repository.facts,
                "siblings": siblings,
            }
        )

    def _resolve(self, name: str, file: str, request: Received) -> Answer:
        repository = self._repositories.get(name)
        if repository is None or (repository.private and not self._may(request)):
            return self._unknown(request)
        if repository.gated and not self._may(request):
            status = 403 if "authorization" in request.headers else 401
            return _refused(Fault(status=status, error_code="GatedRepo"))
        data = repository.files.get(file)
        if data is None:
            return _refused(Fault(status=404, error_code="EntryNotFound"))
        headers = [("X-Repo-Commit", repository.commit), ("Accept-Ranges", "bytes")]
        if self._linked:
            headers.append(("X-Linked-Etag", f'"{repository.digest(file)}"'))
            headers.append(("X-Linked-Size", str(len(data))))
        if self._direct:
            return self._bytes(repository, file, request).with_headers(*headers)
        place = f"{self.cdn.url}/{quote(name)}/{quote(file)}?epoch={self._epoch}"
        answer = Answer(302, (*headers, ("Location", place)))
        return answer if request.method != "HEAD" else answer.with_headers(("ETag", '"linked"'))

    def _answer_bytes(self, request: Received) -> Answer:
        query = parse_qs(urlsplit(request.target).query)
        if query.get("epoch") != [str(self._epoch)]:
            return text_answer(b"<Error>Request has expired</Error>", status=403)
        owner, name, file = unquote(request.path).removeprefix("/").split("/", 2)
        return self._bytes(self._repositories[f"{owner}/{name}"], file, request)

    def _bytes(self, repository: _Repository, file: str, request: Received) -> Answer:
        if request.method == "HEAD":
            length = str(len(repository.files[file]))
            return Answer(200, (("ETag", '"head"'), ("Content-Length", length)))
        asked = request.headers.get("range", "")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.ranges.append((file, start))
        fault = self._byte_faults.popleft() if self._byte_faults else self._always_bytes
        if fault.status is not None:
            return _refused(fault)
        return _served(repository.files[file], repository.digest(file), start, fault, self._piece)

    def _may(self, request: Received) -> bool:
        return (
            self._token is not None
            and request.headers.get("authorization") == f"Bearer {self._token}"
        )

    def _unknown(self, request: Received) -> Answer:
        if "authorization" in request.headers:
            return _refused(Fault(status=404, error_code="RepoNotFound"))
        # The real one does not tell strangers what is private and what is not there.
        return _refused(Fault(status=401, error_code="RepoNotFound"))


def _served(data: bytes, sha256: str, start: int, fault: Fault, piece: int) -> Answer:
    ranged = start > 0 and not fault.ignore_range
    if ranged and start >= len(data):
        return Answer(416, (("Content-Range", f"bytes */{len(data)}"),))
    first = start + fault.shifted_by if ranged else 0
    body = data[first:] + b"\0" * fault.surplus
    if fault.length is not None:
        body = b"\0" * fault.length
    if fault.corrupt_at is not None:
        at = fault.corrupt_at
        body = body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]
    headers = [("ETag", f'"{fault.etag or sha256}"'), ("Accept-Ranges", "bytes")]
    if ranged:
        headers.append(("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}"))
    pieces = tuple(body[at : at + piece] for at in range(0, len(body), piece))
    answer = Answer(206 if ranged else 200, tuple(headers), pieces)
    if fault.surplus:
        answer = answer.framed("chunked")
    return _disturbed(answer, fault)


def _disturbed(answer: Answer, fault: Fault) -> Answer:
    if fault.pace_s:
        answer = answer.paced(fault.pace_s)
    if fault.gate is not None:
        answer = answer.held(fault.gate, at=0)
    head = len(answer.head())
    if fault.cut_after is not None:
        return answer.cut(byte=head + fault.cut_after)
    if fault.reset_after is not None:
        return answer.reset(byte=head + fault.reset_after)
    if fault.stall_after is not None:
        return answer.stalled(byte=head + fault.stall_after)
    return answer


def _refused(fault: Fault) -> Answer:
    status = fault.status or 500
    headers = [("X-Error-Message", fault.message)]
    if fault.error_code is not None:
        headers.append(("X-Error-Code", fault.error_code))
    if fault.retry_after is not None:
        headers.append(("Retry-After", fault.retry_after))
    return json_answer({"error": "refused as scripted"}, status=status, headers=headers)


def _matches(repository: _Repository, query: dict[str, list[str]]) -> bool:
    if repository.private:
        return False
    words = query.get("search", [""])[0].lower().split()
    if not all(word in repository.name.lower() for word in words):
        return False
    if not set(query.get("filter", [])) <= set(repository.facts["tags"]):
        return False
    if query.get("author", [repository.author]) != [repository.author]:
        return False
    limits = dict(
        part.split(":") for part in query.get("num_parameters", [""])[0].split(",") if part
    )
    if not limits:
        return True
    if repository.parameters is None:
        return False
    least, most = (_count(limits.get(name)) for name in ("min", "max"))
    return (least or 0) <= repository.parameters <= (most or repository.parameters)


def _count(text: str | None) -> float | None:
    if not text:
        return None
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)
    return float(text.rstrip("KMBT")) * scale


def _sibling(repository: _Repository, file: str) -> dict[str, Any]:
    size = len(repository.files[file])
    about: dict[str, Any] = {"rfilename": file, "size": size, "blobId": "b10b"}
    if file not in repository.plain:
        lfs = {"sha256": repository.digest(file), "size": size, "pointerSize": 134}
        about["lfs"] = lfs
    return about


def _entry(repository: _Repository, file: str) -> dict[str, Any]:
    size = len(repository.files[file])
    lfs = {"oid": repository.digest(file), "size": size, "pointerSize": 134}
    return {"type": "file", "oid": "b10b", "size": size, "path": file, "lfs": lfs}


@contextmanager
def threaded_hub(hub: HubServer | None = None) -> Iterator[HubServer]:
    """Run a hub in threads of its own."""
    server = hub or HubServer()
    with threaded_upstream(server.cdn), threaded_upstream(server.hub):
        yield server


def model_bytes(size: int, seed: int = 0) -> bytes:
    """Return bytes that begin as a GGUF file does; no two places are alike."""
    return (b"GGUF" + hashlib.shake_128(seed.to_bytes(8, "big")).digest(max(0, size - 4)))[:size]
