"""People for tests: added without the cost of hashing, and signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.client import Client, Exchange, Reply
from tests.support.laird import RunningLaird

from laird.domain.people import Person, Role
from laird.domain.secret import Secret
from laird.people import store
from laird.people.directory import new_person
from laird.people.sign_in import Visitor

PASSWORD = "heron lantern quarry"


@dataclass
class Browser:
    """A browser on a page of Laird, with a session's cookie."""

    client: Client
    origin: str
    cookie: str

    def headers(self, **more: str) -> dict[str, str]:
        """Return what it sends with each request."""
        sent = {
            "authorization": "",
            "cookie": f"laird_session={self.cookie}" if self.cookie else "",
            "origin": self.origin,
            "sec-fetch-site": "same-origin",
            "content-type": "application/json",
        }
        return sent | {name.replace("_", "-"): value for name, value in more.items()}

    async def request(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Make a request as a page's script does; a header given as '' is left out."""
        return await self.client.request(method, path, body, self.headers(**headers))

    async def open(self, method: str, path: str, body: bytes = b"") -> Exchange:
        """Begin a request and read nothing yet."""
        return await self.client.open(method, path, body, self.headers())

    def keep_cookie(self, reply: Reply) -> str:
        """Take the cookie that an answer sets, as a browser does, and return the header."""
        header = reply.headers["set-cookie"]
        self.cookie = header.partition(";")[0].removeprefix("laird_session=").strip('"')
        return header


def browser(laird: RunningLaird, cookie: str = "") -> Browser:
    """Return a browser, signed in by a cookie or not."""
    return Browser(laird.client(""), laird.url, cookie)


async def add_person(laird: RunningLaird, name: str, role: Role = Role.VIEWER) -> Person:
    """Add somebody who has no password that anybody knows."""
    directory = laird.program.reception.directory
    person = new_person(name, role)
    await directory.write(lambda connection: store.create(connection, person, "none"))
    return person


async def sign_in(laird: RunningLaird, person: Person) -> Browser:
    """Begin a session and return the browser that has it."""
    begun = await laird.program.reception.sign_in.begin_for(
        person, Visitor(address="127.0.0.1", agent="test")
    )
    return browser(laird, begun.cookie.reveal())


async def signed_in(laird: RunningLaird, name: str, role: Role) -> Browser:
    """Add somebody and sign them in."""
    return await sign_in(laird, await add_person(laird, name, role))


async def with_password(laird: RunningLaird, name: str, role: Role = Role.VIEWER) -> Person:
    """Add somebody whose password is `PASSWORD`."""
    directory = laird.program.reception.directory
    person = new_person(name, role)
    hashed = await directory.passwords.hash(Secret(PASSWORD))
    await directory.write(lambda connection: store.create(connection, person, hashed))
    return person


def credentials(name: str, password: str = PASSWORD) -> dict[str, Any]:
    """Return the body of a sign-in."""
    return {"name": name, "password": password}
