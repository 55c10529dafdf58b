"""All people and sessions in memory: who asks, without a question to the database."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from laird.domain.errors import NotSignedIn
from laird.domain.people import Person, Role, Session
from laird.people.tokens import digest

_DAY_US = 86_400_000_000
LIFETIME_US = 30 * _DAY_US
"""How long a session may last, microseconds."""
IDLE_US = 7 * _DAY_US
"""How long a session lasts without being used, microseconds."""
_STAMP_EVERY_US = 30_000_000


class SignedIn(msgspec.Struct, frozen=True):
    """A session that is good, and whose it is."""

    person: Person
    session: Session


class PeopleTable:
    """The people and sessions of one moment. `follow` keeps a table up to date."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._sessions: dict[str, Session] = {}
        self._by_id: dict[str, Session] = {}
        self._seen: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self.version: int | None = None
        """Of what is loaded; None before the first load."""

    @property
    def has_administrator(self) -> bool:
        """True when somebody may administer."""
        return any(one.enabled and one.role is Role.ADMIN for one in self._people.values())

    def load(self, people: Iterable[Person], sessions: Iterable[Session], version: int) -> None:
        """Replace all people and sessions."""
        kept = tuple(sessions)
        self._people = {one.id: one for one in people}
        self._sessions = {one.digest: one for one in kept}
        self._by_id = {one.id: one for one in kept}
        self._seen = {name: at_us for name, at_us in self._seen.items() if name in self._by_id}
        self.version = version

    def authenticate(self, cookie: str, now_us: int) -> SignedIn:
        """Return whose session a cookie is of. `now_us` is UTC microseconds.

        Raises:
            NotSignedIn: there is no such session, or it has run out, or the person is disabled.
        """
        session = self._sessions.get(digest(cookie))
        found = self._good(session, now_us)
        if found is None:
            raise NotSignedIn("You are not signed in any more. Sign in again.")
        self._stamp(found.session, now_us)
        return found

    def still(self, session_id: str, now_us: int) -> SignedIn | None:
        """Return a session and its person as they are now, or None when it has ended."""
        return self._good(self._by_id.get(session_id), now_us)

    def seen_us(self, session: Session) -> int:
        """Return when a session was last seen."""
        return max(session.seen_us, self._seen.get(session.id, 0))

    def take_seen(self) -> dict[str, int]:
        """Return and forget when sessions were seen that is not written yet."""
        taken, self._unwritten = self._unwritten, {}
        return taken

    def give_back_seen(self, stamps: dict[str, int]) -> None:
        """Take back stamps that could not be written; later ones stay."""
        self._unwritten = {**stamps, **self._unwritten}

    def _good(self, session: Session | None, now_us: int) -> SignedIn | None:
        if session is None or now_us >= session.expires_us:
            return None
        if now_us - self.seen_us(session) > IDLE_US:
            return None
        person = self._people.get(session.person_id)
        return SignedIn(person, session) if person is not None and person.enabled else None

    def _stamp(self, session: Session, now_us: int) -> None:
        if now_us - self._seen.get(session.id, session.seen_us) >= _STAMP_EVERY_US:
            self._seen[session.id] = self._unwritten[session.id] = now_us
