"""For those who write clients: talks as generators, and what all vendors' answers have in common.

A generator yields each `Ask` or `Send`, is sent the answer to it, and returns the end. `step` makes of it what the
relay calls: the next step after so many answers. It is pure, so that running it again from the beginning is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, TypeVar

from orderhub.core.values import EXTRAS, Address, Contact, Line
from orderhub.dialects.client import (
    Answer,
    Answers,
    Ask,
    Blocked,
    Doubt,
    Job,
    Link,
    Request,
    Send,
    body_of,
    json_of,
)

S = TypeVar("S", bound=Ask | Send)
E = TypeVar("E")
# A talk that asks and never sends, and one that may.
Asking = Generator[Ask, Answer, E]
Acting = Generator[Ask | Send, Answer, E]

# Clocks may be so far apart: a window is widened by it on both sides.
SLACK_US = 600_000_000
# A list that is longer than so many pages is not searched to its end.
MOST_PAGES = 100
_EXPIRED = (401, 403)


def step(talk: Generator[S, Answer, E], answers: Answers) -> S | E:
    """The step behind these answers."""
    try:
        at = next(talk)
        for answer in answers:
            at = talk.send(answer)
    except StopIteration as end:
        result: E = end.value
        return result
    finally:
        talk.close()
    return at


def blocked(answer: Answer, told: str = "") -> Blocked | None:
    """What is no order's fault: credentials, a limit, an address that is not the vendor's API. None = none of these.

    `told` is what the vendor said, for people.
    """
    status = answer.status
    reason = f"HTTP {status}: {told}" if told else f"HTTP {status}"
    if status == 429:
        return Blocked(reason, retry_after_s=retry_after_s(answer) or 1.0)
    if status in _EXPIRED:
        return Blocked(reason, is_login=True)
    # Other redirects may follow what was done: "look there for what came of it".
    if status in (307, 308, 404, 405, 407, 410, 415, 421, 426, 451):
        return Blocked(reason)
    return None


def retry_after_s(answer: Answer) -> float:
    """How long the vendor wants to be left alone; 0 = it does not say, or says a date."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), 86_400.0) if text.isascii() and text.isdigit() else 0.0


def member(value: Any, *names: str) -> Any:
    """A member of nested objects; None where there is none on the way."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say something."""
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; whatever else it is, there are none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def rows_of(answer: Answer, *names: str) -> list[dict[str, Any]] | Doubt:
    """The rows of the list that stands in an answer under these names, which is what absence is proved by.

    A list that is not there, or holds what is no row, is doubt: a page of maintenance says nothing of any order.
    """
    found = member(json_of(answer), *names)
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return found
    return Doubt(f"the answer has no list {'.'.join(names)} that can be read")


def not_read(answer: Answer, *names: str) -> Doubt | None:
    """Why the list cannot be read; None = it can."""
    rows = rows_of(answer, *names)
    return rows if isinstance(rows, Doubt) else None


def listed(
    page: Callable[[int], Request],
    asked: Callable[[Answer], Blocked | Doubt | None],
    rows: tuple[str, ...],
    *,
    total: tuple[str, ...] = (),
    size: int = 1,
    is_past: Callable[[list[dict[str, Any]]], bool] | None = None,
    is_whole: bool = True,
) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """All rows of a list, page by page.

    page     the request of a page, from 1 on
    asked    why an answer is no success
    rows     where the rows stand in an answer
    total    where it says how many rows there are in all
    size     of a page that is full: where no total is said, one that is not is the last
    is_past  whether all that is sought stands before the end of this page
    is_whole whether the beginning of a list that is too long is of no use
    """
    found: list[dict[str, Any]] = []
    for number in range(1, MOST_PAGES + 1):
        answer = yield Ask(page(number))
        trouble = asked(answer)
        some = rows_of(answer, *rows) if trouble is None else trouble
        if not isinstance(some, list):
            return some
        found += some
        said = whole_of(member(json_of(answer), *total)) if total else 0
        if said > MOST_PAGES * size and is_whole and number == 1 and is_past is None:
            break
        if len(found) >= said if said else len(some) < size:
            return found
        if not some:
            return Doubt(f"the list ends behind {len(found)} rows, and says that it has {said}")
        if is_past is not None and is_past(some):
            return found
    return too_many() if is_whole else found


def too_many() -> Doubt:
    return Doubt(f"the list has more than {MOST_PAGES} pages", is_long=True)


def text_of(value: Any) -> str:
    """A text or a number as text; anything else is empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole_of(value: Any) -> int:
    """A whole number, also as text; anything else is 0."""
    text = text_of(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def option(link: Link, name: str, default: str = "") -> str:
    return link.options.get(name, "") or default


def goods(job: Job) -> list[Line]:
    """The lines that are things, not a discount or freight."""
    return [line for line in job.lines if line.kind not in EXTRAS]


def written_with(line: Line) -> dict[str, Any]:
    """What the buyer wrote for a line into the form of a shop, by the names of the form."""
    written = line.data.get("order_extra")
    return written if isinstance(written, dict) else {}


def in_words(line: Line) -> str:
    """The same for people to read, where the vendor has no other place for it; empty = nothing."""
    return ", ".join(f"{name} {_as_text(each)}" for name, each in written_with(line).items())


def written_for(job: Job) -> list[str]:
    """The same of all lines, for a vendor's notes."""
    said = [(line.title or line.sku, in_words(line)) for line in goods(job)]
    return [f"{title}: {words}" for title, words in said if words]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else body_of(Request(path="", body=value)).decode()


def unlisted(job: Job) -> str:
    """Which line has no listing, in a sentence; empty = each has."""
    for line in goods(job):
        if line.line_no not in job.listings:
            return f"line {line.line_no} ({line.sku or line.title}) is not listed here"
    return ""


def units_by_id(job: Job, units: Mapping[int, int]) -> dict[str, int]:
    """Units by line number -> by the vendor's id. Lines without a listing have none there."""
    found: dict[str, int] = {}
    for number, count in units.items():
        listing = job.listings.get(number)
        if listing is not None:
            found[listing.id] = found.get(listing.id, 0) + count
    return found


def too_long(members: Iterable[tuple[str, str, int]]) -> str:
    """Which of (name, text, most characters) is too long for the vendor, in a sentence; empty = none."""
    for name, text, most in members:
        if len(text) > most:
            return f"{name} has {len(text)} characters, the vendor takes {most}"
    return ""


def person_of(contact: Contact | None, address: Address | None) -> Contact:
    """Whom an order is for: its contact, and what only the address says."""
    known = contact or Contact()
    if address is None:
        return known
    first, last = known.first_name, known.last_name
    if not (first or last):
        first, last = address.recipient, address.last_name
        if not last and " " in first.strip():
            first, _, last = first.strip().rpartition(" ")
    return Contact(
        first_name=first,
        last_name=last,
        email=known.email or address.email,
        phone=known.phone or address.phone,
        company=known.company or address.company,
    )
