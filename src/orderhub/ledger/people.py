"""People at rest: who may sign in, their roles, the sessions they have, the links they were sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, select, text, update

from orderhub.core.people import Link, Person, Role, Session
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver
from orderhub.ledger.tables import guess, person, person_link, person_role, person_session

_PERSON = tuple(name for name in Person.__struct_fields__ if name != "roles")

# Callers' clocks are read before they take turns: a window may well begin a little ahead of who counts in it.
_IS_OVER = "guess.since <= :from OR guess.since > :until"
# Answers with nothing where it was one too many.
_GUESS = text(
    "INSERT INTO guess (name, since, n) VALUES (:name, :now, 1) ON CONFLICT (name) DO UPDATE SET "
    f"n = CASE WHEN {_IS_OVER} THEN 1 ELSE guess.n + 1 END, "
    f"since = CASE WHEN {_IS_OVER} THEN excluded.since ELSE guess.since END "
    f"WHERE {_IS_OVER} OR guess.n < :most RETURNING since"
)


class People:
    """Everything by one connection; who writes commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- reading

    def by_uid(self, uid: str) -> Person | None:
        return self._one(select(person).where(person.c.uid == uid))

    def by_email(self, email: str) -> Person | None:
        return self._one(select(person).where(person.c.email == email))

    def locked(self, email: str) -> Person | None:
        """By e-mail; nobody else changes them before the commit."""
        return self._one(select(person).where(person.c.email == email).with_for_update())

    def of_tenant(
        self, tenant_id: int | None, after: str = "", limit: int | None = None
    ) -> tuple[Person, ...]:
        """Whoever has a role there, by e-mail; None = everybody."""
        query = select(person).where(person.c.email > after).order_by(person.c.email).limit(limit)
        if tenant_id is not None:
            theirs = select(person_role.c.person).where(person_role.c.tenant_id == tenant_id)
            query = query.where(person.c.uid.in_(theirs))
        return self._whole(query)

    def among(self, uids: Collection[str]) -> dict[str, Person]:
        """Those of these who are there, by uid."""
        if not uids:
            return {}
        found = self._whole(select(person).where(person.c.uid.in_(sorted(uids))))
        return {each.uid: each for each in found}

    def with_second_factor(self) -> tuple[Person, ...]:
        return self._whole(select(person).where(person.c.totp != "").order_by(person.c.uid))

    def owners(self, tenant_id: int) -> int:
        """How many there are who may sign in; nobody else takes a role from one of them before the commit."""
        role = Role.OWNER if tenant_id else Role.OPERATOR
        query = (
            select(person_role.c.person)
            .select_from(person_role.join(person, person.c.uid == person_role.c.person))
            .where(
                person_role.c.tenant_id == tenant_id,
                person_role.c.role == role.value,
                person.c.enabled.is_(True),
            )
            .order_by(person_role.c.person)
            .with_for_update()
        )
        return len(self._connection.execute(query).all())

    def session(self, session_id: str) -> Session | None:
        query = select(person_session).where(person_session.c.id == session_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Session(**dict(row))

    def sessions(self, uid: str) -> tuple[Session, ...]:
        """Newest use first."""
        query = (
            select(person_session)
            .where(person_session.c.person == uid)
            .order_by(person_session.c.seen_at.desc(), person_session.c.id)
        )
        found = self._connection.execute(query).mappings()
        return tuple(Session(**dict(row)) for row in found)

    def link(self, link_id: str) -> Link | None:
        query = select(person_link).where(person_link.c.id == link_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Link(**dict(row))

    def _one(self, query: Select[Any]) -> Person | None:
        found = self._whole(query)
        return found[0] if found else None

    def _whole(self, query: Select[Any]) -> tuple[Person, ...]:
        found = self._connection.execute(query).all()
        roles: dict[str, list[tuple[int, Role]]] = {each.uid: [] for each in found}
        if found:
            of_these = (
                select(person_role)
                .where(person_role.c.person.in_(sorted(roles)))
                .order_by(person_role.c.tenant_id)
            )
            for row in self._connection.execute(of_these):
                roles[row.person].append((row.tenant_id, Role(row.role)))
        return tuple(
            Person(**{name: getattr(row, name) for name in _PERSON}, roles=tuple(roles[row.uid]))
            for row in found
        )

    # --- writing

    def add(self, new: Person) -> None:
        """With their roles. Raises IntegrityError for an e-mail that somebody has."""
        self._insert(person, {name: getattr(new, name) for name in _PERSON})
        for tenant_id, role in new.roles:
            self.give(new.uid, tenant_id, role)

    def change(self, uid: str, **members: Any) -> None:
        self._connection.execute(update(person).where(person.c.uid == uid).values(**members))

    def use_code(self, uid: str, step: int) -> bool:
        """Note that a code of this step was used; False where one of it or of a later step was before."""
        newer = update(person).where(person.c.uid == uid, person.c.totp_used < step)
        return bool(self._connection.execute(newer.values(totp_used=step)).rowcount)

    def give(self, uid: str, tenant_id: int, role: Role) -> None:
        """The one role that they have there from now on."""
        row = {"tenant_id": tenant_id, "person": uid, "role": role.value}
        self._insert(person_role, row, "DO UPDATE SET role = excluded.role")

    def take(self, uid: str, tenant_id: int) -> None:
        table = person_role
        gone = delete(table).where(table.c.tenant_id == tenant_id, table.c.person == uid)
        self._connection.execute(gone)

    def open_session(self, session: Session) -> None:
        self._insert(person_session, msgspec.structs.asdict(session))

    def change_session(self, session_id: str, **members: Any) -> None:
        table = person_session
        self._connection.execute(update(table).where(table.c.id == session_id).values(**members))

    def end_session(self, session_id: str, uid: str = "") -> None:
        """With `uid` only when it is that person's."""
        gone = delete(person_session).where(person_session.c.id == session_id)
        if uid:
            gone = gone.where(person_session.c.person == uid)
        self._connection.execute(gone)

    def end_sessions(self, uid: str, but: str = "") -> None:
        """All of the person's, but for one."""
        table = person_session
        gone = delete(table).where(table.c.person == uid, table.c.id != but)
        self._connection.execute(gone)

    def add_link(self, link: Link) -> None:
        """The one link that opens for them: those they were sent before are void."""
        self.end_links(link.person)
        self._insert(person_link, msgspec.structs.asdict(link))

    def use_link(self, link_id: str, uid: str) -> bool:
        """Whether it was there; all others of the person end with it. Of two who use it at once, one sees it gone."""
        used = delete(person_link).where(person_link.c.id == link_id, person_link.c.person == uid)
        was_there = bool(self._connection.execute(used).rowcount)
        if was_there:
            self.end_links(uid)
        return was_there

    def end_links(self, uid: str) -> None:
        self._connection.execute(delete(person_link).where(person_link.c.person == uid))

    def guess(self, limits: Mapping[str, int], window_us: int, now_us: int) -> int:
        """Count a try under each of these names, of which each has a limit within the window.

        Answers in how many microseconds there may be another: 0 = this one may be. One too many is not counted, nor
        looked at under the names behind it. A window begins with its first try; one far ahead of the clock is over.
        Names are locked in the order that they are given in.
        """
        for name, limit in limits.items():
            window = {"from": now_us - window_us, "until": now_us + window_us}
            given = {"name": name, "most": limit, "now": now_us, **window}
            if self._connection.execute(_GUESS, given).first() is None:
                began = select(guess.c.since).where(guess.c.name == name)
                since = self._connection.execute(began).scalar_one()
                return max(1, int(since) + window_us - now_us)
        return 0

    def forgive(self, names: Collection[str]) -> None:
        """Take a try of each back: it was right."""
        table = guess
        back = update(table).where(table.c.name.in_(sorted(names)), table.c.n > 0)
        self._connection.execute(back.values(n=table.c.n - 1))

    def purge(self, idle_since: int, now_us: int) -> int:
        """Remove sessions and guesses that are older, and links that have ended; answers how many went."""
        old = delete(person_session).where(person_session.c.seen_at < idle_since)
        ended = delete(person_link).where(person_link.c.ends_at < now_us)
        tried = delete(guess).where(guess.c.since < idle_since)
        return sum(self._connection.execute(each).rowcount for each in (old, ended, tried))

    def _insert(self, table: Any, row: dict[str, Any], conflict: str = "") -> None:
        bulk.insert(Driver(self._connection), table, [row], *filter(None, (conflict,)))
