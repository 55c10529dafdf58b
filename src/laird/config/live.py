"""The configuration in force: loaded, watched, changed and taken back while requests run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable

from laird.config.describe import describe_changes
from laird.config.document import Document, read_document
from laird.config.history import ChangeEntry, ChangeSource, History
from laird.config.home import Home
from laird.config.moving import SecretMover
from laird.config.redact import restore
from laird.domain.catalog import Snapshot
from laird.domain.credential import CredentialSource, NoCredentials
from laird.domain.errors import ConfigError, InvalidRequest, LairdError, StaleRevision

Compile = Callable[[Document], Snapshot]
"""`compile_snapshot` with all but the document filled in."""
Listener = Callable[[Snapshot, Snapshot], None]
"""Called on the event loop with the old and the new snapshot, after the swap."""
ErrorListener = Callable[[ConfigError | None], None]
"""Called on the event loop with what is wrong with the document; None once nothing is any more."""

_NOTHING_STORED = NoCredentials()

log = logging.getLogger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1000


class LiveConfiguration:
    """The current snapshot, and everything that may replace it.

    Reading `snapshot` is one attribute access. Every change is checked whole before it replaces
    anything: a broken document leaves the last good snapshot in force and shows in `error`.

    Secrets that stand in the document itself are moved to `credentials`, and their names written in
    their place: when it is changed here, when it is changed in its home, and at `start` with
    `move_secrets`.
    """

    def __init__(
        self,
        home: Home,
        compile_document: Compile,
        history: History,
        *,
        credentials: CredentialSource = _NOTHING_STORED,
        clock_us: Callable[[], int] = _now_us,
    ) -> None:
        self.snapshot = Snapshot(revision="", providers={}, models={})
        self.error: ConfigError | None = None
        """Why the document as it lies in its home is not in force; None when it is."""
        self._home = home
        self._compile = compile_document
        self._history = history
        self._mover = SecretMover(home, credentials, self._build)
        self._clock_us = clock_us
        self._document: Document | None = None
        self._listeners: list[Listener] = []
        self._error_listeners: list[ErrorListener] = []
        self._lock = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def file(self) -> str:
        """The path of the document."""
        return self._home.name

    @property
    def document_text(self) -> str:
        """The document in force as it was written, secrets included: never send it anywhere."""
        return self._document.text if self._document else ""

    @property
    def shown_text(self) -> str:
        """The document in force with `«redacted»` in place of secrets."""
        return self._mover.redacted(self.document_text)

    @property
    def document(self) -> Document | None:
        """The checked document in force; None before `start`."""
        return self._document

    async def start(self, *, move_secrets: bool = False) -> Snapshot:
        """Load the document and begin to watch it. Raises `ConfigError` when it is wrong."""
        text, revision = await asyncio.to_thread(self._home.load)
        document, snapshot = await asyncio.to_thread(self._build, text)
        if move_secrets:
            with contextlib.suppress(StaleRevision):
                document, snapshot = await self._mover.moved(
                    document, snapshot, revision, self.snapshot
                )
        latest = await self._latest()
        self._document, self.snapshot = document, snapshot
        if latest is None or latest.revision != snapshot.revision:
            await self._record_start(document, latest)
        self._watcher = asyncio.create_task(self._watch(), name="watch configuration")
        return snapshot

    async def stop(self) -> None:
        """Stop watching; the snapshot stays."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def apply(
        self,
        text: str,
        expected_revision: str,
        actor: str,
        source: ChangeSource = ChangeSource.API,
    ) -> Snapshot:
        """Check a new text, write it to its home and put it in force.

        `«redacted»` in the text stands for the secret that the provider has now. Raises
        `ConfigError` for a wrong document and `StaleRevision` (without secrets) when the home holds
        another revision than the expected one; then nothing has changed.
        """
        async with self._lock:
            text = restore(text, self.document_text)
            document, snapshot = await asyncio.to_thread(self._build, text)
            try:
                document, snapshot = await self._mover.saved(
                    document, snapshot, expected_revision, self.snapshot
                )
            except StaleRevision as stale:
                raise StaleRevision(
                    expected=stale.expected,
                    current=stale.current,
                    current_document=self._mover.redacted(stale.current_document),
                ) from None
            await self._swap(document, snapshot, actor, source)
            return snapshot

    async def recompile(self) -> bool:
        """Compile the document in force once more, because something outside of it has changed.

        Prices and credentials are such things. Only where a model or a provider is another one now,
        the new snapshot is put in force and listeners hear of it; then True is returned. It is no
        change of the document, so revision and history stay as they are.
        """
        async with self._lock:
            if self._document is None:
                return False
            old, new = self.snapshot, await asyncio.to_thread(self._compile, self._document)
            if new.models == old.models and new.providers == old.providers:
                return False
            self.snapshot = new
            self._tell(old, new)
            return True

    def check(self, text: str) -> Snapshot:
        """Return what a text would mean, and change nothing. Raises `ConfigError`."""
        return self.preview(text)[0]

    def preview(self, text: str) -> tuple[Snapshot, tuple[str, ...]]:
        """Return the same, and in lines for people what it would change. Raises `ConfigError`."""
        document, snapshot = self._build(restore(text, self.document_text))
        old = self._document.entries if self._document is not None else None
        if snapshot.revision == self.snapshot.revision:
            return snapshot, ()
        return snapshot, describe_changes(old, document.entries)

    async def rollback(
        self, entry_id: str, actor: str, expected_revision: str | None = None
    ) -> Snapshot:
        """Put the document of an earlier change in force again, as a change of its own.

        Secrets come from the current document. Raises `InvalidRequest` when there is no such
        change, `ConfigError` when its document can't be in force now, and `StaleRevision` when
        another revision than the expected one is there now; without one, none is expected.
        """
        entry = await self._history.get(entry_id)
        if entry is None:
            raise InvalidRequest(f"There is no change '{entry_id}' in the history.", param="id")
        await self.reload()
        text, revision = await self.current()
        if expected_revision is not None and expected_revision != revision:
            raise StaleRevision(expected=expected_revision, current=revision, current_document=text)
        return await self.apply(entry.document, revision, actor, ChangeSource.ROLLBACK)

    async def current(self) -> tuple[str, str]:
        """Return the text in its home, without secrets, and its revision: what an edit starts from.

        While the file is broken this is the broken text, and not the one in force. Raises
        `ConfigError` when it can't be read.
        """
        text, revision = await asyncio.to_thread(self._home.load)
        return self._mover.redacted(text), revision

    def on_error(self, listener: ErrorListener) -> None:
        """Call `listener` when the document in its home turns out to be wrong, or to be good."""
        self._error_listeners.append(listener)

    def _set_error(self, error: ConfigError | None) -> None:
        self.error = error
        for listener in self._error_listeners:
            listener(error)

    async def reload(self) -> None:
        """Look at the home now, and put in force what has changed there.

        Never raises for a broken document: it goes to `error` and to the log.
        """
        async with self._lock:
            try:
                text, revision = await asyncio.to_thread(self._home.load)
                if revision == self.snapshot.revision:
                    self._recovered()
                    return
                document, snapshot = await asyncio.to_thread(self._build, text)
                document, snapshot = await self._mover.moved(
                    document, snapshot, revision, self.snapshot
                )
            except StaleRevision:
                # It was changed once more meanwhile: whoever watches will say so.
                return
            except ConfigError as error:
                if self.error is None or self.error.problems != error.problems:
                    log.error("The configuration is not changed: %s", error.message)  # noqa: TRY400
                    self._set_error(error)
                self.error = error
                return
            await self._swap(document, snapshot, "file", ChangeSource.FILE)

    def _build(self, text: str) -> tuple[Document, Snapshot]:
        document = read_document(text, self._home.name)
        return document, self._compile(document)

    async def move_secrets(
        self, actor: str, source: ChangeSource = ChangeSource.API
    ) -> dict[str, str]:
        """Move what is written out in the document in its home; return the names, by provider id.

        Raises `ConfigError` when the document is wrong or can't be written, and other `LairdError`s
        when the secrets can't be kept; then the document is as it was.
        """
        async with self._lock:
            text, revision = await asyncio.to_thread(self._home.load)
            document, snapshot = await asyncio.to_thread(self._build, text)
            named = await self._mover.kept(document, self.snapshot)
            if named:
                document, snapshot = await self._mover.rewritten(document, named, revision)
                await self._swap(document, snapshot, actor, source)
            return named

    async def _watch(self) -> None:
        async for _ in self._home.watch():
            await self.reload()

    def _recovered(self) -> None:
        if self.error is not None:
            log.info("The configuration file is as it was; nothing has changed.")
            self._set_error(None)

    async def _swap(
        self, document: Document, snapshot: Snapshot, actor: str, source: ChangeSource
    ) -> None:
        old_document, old = self._document, self.snapshot
        self._document, self.snapshot, self.error = document, snapshot, None
        if snapshot.revision == old.revision:
            return
        summary = describe_changes(old_document.entries if old_document else None, document.entries)
        log.info("The configuration changed (%s): %s", actor, "; ".join(summary))
        self._tell(old, snapshot)
        await self._record(document, snapshot.revision, old.revision, actor, source, summary)

    def _tell(self, old: Snapshot, new: Snapshot) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(old, new)
            except Exception:
                # One listener's fault must not keep the others from hearing of the change.
                log.exception("A listener failed on a change of the configuration")

    async def _latest(self) -> ChangeEntry | None:
        entries = await self._history.list(1)
        return entries[0] if entries else None

    async def _record_start(self, document: Document, latest: ChangeEntry | None) -> None:
        """Record what was changed while nothing watched, so that the history has no hole."""
        before, after = None, document.entries
        if latest is not None:
            with contextlib.suppress(ConfigError):
                before = read_document(latest.document).entries
                after = read_document(self._mover.redacted(document.text)).entries
        summary = describe_changes(before, after)
        await self._record(
            document,
            self.snapshot.revision,
            latest.revision if latest else None,
            "file",
            ChangeSource.FILE,
            summary,
        )

    async def _record(
        self,
        document: Document,
        revision: str,
        before: str | None,
        actor: str,
        source: ChangeSource,
        summary: tuple[str, ...],
    ) -> None:
        entry = ChangeEntry(
            id=uuid.uuid4().hex,
            at_us=self._clock_us(),
            actor=actor,
            source=source,
            revision=revision,
            before=before,
            document=self._mover.redacted(document.text),
            summary=summary,
        )
        try:
            await self._history.record(entry)
        except LairdError:
            # The change is in force already, and the database may be away for a while.
            log.exception("A change of the configuration could not be recorded")
