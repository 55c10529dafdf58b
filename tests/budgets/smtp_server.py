"""A mail server on a loopback socket that does to each session what a test scripts."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message


@dataclass
class Session:
    """What came in one connection."""

    commands: list[str] = field(default_factory=list)
    secure: bool = False
    user: str | None = None
    password: str | None = None
    message: Message | None = None


class MailServer:
    """Takes mail. `refuse` maps a command to the answer that it gets instead of the usual one."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.refuse: dict[str, str] = {}
        self.drop = 0
        """Connections to close without a word, first of all."""
        self.sessions: list[Session] = []
        self._context = context
        self._implicit = implicit
        self._login = login
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="mail-server")

    @property
    def messages(self) -> list[Message]:
        """What was taken."""
        return [each.message for each in self.sessions if each.message is not None]

    def wait_for(self, condition: Callable[[], object], within: float = 20.0) -> None:
        """Block until something is so; not for an event loop."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(condition()), within)

    def start(self) -> None:
        """Begin to take connections."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        # Closing alone does not wake a thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self.drop:
                self.drop -= 1
                connection.close()
                continue
            connection.settimeout(20)
            session = Session()
            with self._changed:
                self.sessions.append(session)
                self._changed.notify_all()
            with connection, suppress(OSError), ExitStack() as stack:
                self._talk(connection, session, stack)

    def _talk(self, connection: socket.socket, session: Session, stack: ExitStack) -> None:
        if self._implicit:
            connection = stack.enter_context(self._wrapped(connection))
            session.secure = True
        reader = stack.enter_context(connection.makefile("rb"))

        def say(line: str) -> None:
            connection.sendall(line.encode() + b"\r\n")

        say(self.refuse.get("CONNECT", "220 ready"))
        while line := reader.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            session.commands.append(verb)
            if verb in self.refuse:
                say(self.refuse[verb])
            elif verb == "EHLO":
                offers = ["test"]
                if self._context is not None and not session.secure:
                    offers.append("STARTTLS")
                if self._login is not None:
                    offers.append("AUTH PLAIN")
                for offer in offers[:-1]:
                    say(f"250-{offer}")
                say(f"250 {offers[-1]}")
            elif verb == "STARTTLS":
                say("220 go on")
                connection = stack.enter_context(self._wrapped(connection))
                reader = stack.enter_context(connection.makefile("rb"))
                session.secure = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                session.user, session.password = user, password
                good = (user, password) == self._login
                say("235 welcome" if good else f"535 no such user {user} with {password}")
            elif verb == "DATA":
                say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += reader.readline()
                session.message = message_from_bytes(data[:-3])
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")

    def _wrapped(self, connection: socket.socket) -> ssl.SSLSocket:
        assert self._context is not None
        return self._context.wrap_socket(connection, server_side=True)


@contextmanager
def mail_server(
    *,
    context: ssl.SSLContext | None = None,
    implicit: bool = False,
    login: tuple[str, str] | None = None,
) -> Iterator[MailServer]:
    """Run one."""
    server = MailServer(context=context, implicit=implicit, login=login)
    server.start()
    try:
        yield server
    finally:
        server.stop()
