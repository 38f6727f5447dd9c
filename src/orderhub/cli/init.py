"""orderhub init: a new merchant in an empty database, and a first command for each door."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.tokens import Database

if TYPE_CHECKING:
    from orderhub.merchant import Begun, Merchant
    from orderhub.settings import ProgramSettings

_CREDENTIALS = "/hub/v1/tenants/operator/credentials"
_ALL = "all"
_DEFAULTS = {
    "name": "shop",
    "currency": "USD",
    "time_zone": "UTC",
    "doors": _ALL,
    "warehouses": "MAIN",
}
_QUESTIONS = {
    "name": "Name of the business, as it stands in paths",
    "currency": "Its currency (ISO 4217)",
    "time_zone": "Its time zone (such as Europe/Berlin)",
    "doors": "Doors, with commas between them",
    "warehouses": "Codes of its warehouses, with commas; CODE:COUNTRY to say where",
}


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What `orderhub init` takes."""

    name: Annotated[str | None, typer.Option(help="The business, as it stands in paths.")] = None
    currency: Annotated[str | None, typer.Option(help="ISO 4217, such as EUR.")] = None
    time_zone: Annotated[str | None, typer.Option(help="IANA, such as Europe/Berlin.")] = None
    doors: Annotated[
        str | None, typer.Option(help="Such as anqicms,mews; all of them unless said.")
    ] = None
    warehouses: Annotated[
        str | None, typer.Option(help="Their codes, such as EU01:DE,US01:US; the first ships.")
    ] = None
    no_samples: Annotated[
        bool, typer.Option("--no-samples", help="No sample products: the commands just look.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not said is usual.")] = (
        False
    )
    empty: Annotated[
        bool, typer.Option("--empty", help="An empty ledger and an operator's token, as JSON.")
    ] = False
    public_url: Annotated[
        str | None, typer.Option(help="Where the hub will be reached; else as `serve` listens.")
    ] = None
    database: Database = None

    @property
    def said(self) -> dict[str, str | None]:
        """What is asked for, as far as it was said."""
        return {member: getattr(self, member) for member in _DEFAULTS}


@taking(InitOptions)
def init(options: InitOptions, _late: dict[str, str]) -> None:
    """Make a business in an empty database: tokens, working doors, sample products; a curl for each door.

    On a terminal what is not said is asked for. Tokens and secrets are shown now and never again.
    """
    from orderhub.cli.session import address, one_sentence
    from orderhub.cli.terminal import show
    from orderhub.settings import ProgramSettings

    public_url = options.public_url
    with one_sentence():
        if public_url is not None:
            public_url = address("--public-url", public_url)
        settings = ProgramSettings.from_environment(
            database=options.database, public_url=public_url
        )
        if options.empty:
            _refuse_beside_empty(options.said)
            show(_emptied(settings))
            return
        answers = _answers(options.said, is_quiet=options.yes)
        _make(settings, _merchant(answers, has_samples=not options.no_samples))


def _refuse_beside_empty(said: dict[str, str | None]) -> None:
    from orderhub.cli.session import CommandRefused

    given = [f"--{each.replace('_', '-')}" for each, value in said.items() if value is not None]
    if given:
        raise CommandRefused(f"--empty makes no business: leave out {given[0]}.")


# --- what the business is


def _answers(said: dict[str, str | None], *, is_quiet: bool) -> dict[str, str]:
    """What was said, else what is usual; on a terminal it is asked for, until it is right."""
    from orderhub.cli.session import CommandRefused

    missing = [each for each, value in said.items() if value is None]
    if missing and not is_quiet and not sys.stdin.isatty():
        options = ", ".join(f"--{each.replace('_', '-')}" for each in missing)
        raise CommandRefused(
            f"There is no terminal to ask on: say --yes for what is usual, or {options}."
        )
    answers: dict[str, str] = {}
    for member, value in said.items():
        if value is None and not is_quiet:
            answers[member] = _asked(member)
        else:
            answers[member] = _DEFAULTS[member] if value is None else value
    return answers


def _asked(member: str) -> str:
    from orderhub.cli.session import CommandRefused

    while True:
        typer.echo(f"{_QUESTIONS[member]} [{_DEFAULTS[member]}]: ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            raise typer.Abort
        answer = line.strip() or _DEFAULTS[member]
        try:
            _READ[member](answer)
        except CommandRefused as refused:
            typer.echo(str(refused), err=True)
        else:
            return answer


def _merchant(answers: dict[str, str], *, has_samples: bool) -> Merchant:
    from orderhub.merchant import Merchant

    read: dict[str, Any] = {member: _READ[member](text) for member, text in answers.items()}
    return Merchant(**read, has_samples=has_samples)


def _refused(option: str, must_be: str, text: str) -> Exception:
    from orderhub.cli.session import CommandRefused

    return CommandRefused(f"{option} is {must_be}, not {text!r}.")


def _name(text: str) -> str:
    from orderhub.web.hub_api.tenants import TENANT_NAME, is_tenant_name

    if not is_tenant_name(text):
        raise _refused("--name", TENANT_NAME, text)
    return text


def _currency(text: str) -> str:
    from orderhub.core.currencies import is_currency

    if not is_currency(text):
        raise _refused("--currency", "a currency of ISO 4217 such as EUR", text)
    return text


def _time_zone(text: str) -> str:
    from orderhub.core.zones import zone_of

    with suppress(ValueError):
        zone_of(text)
        return text
    raise _refused("--time-zone", "an IANA name such as Europe/Berlin", text)


def _doors(text: str) -> tuple[str, ...]:
    from orderhub.dialects.finding import find_dialects

    known = [each.name for each in find_dialects()]
    if text.strip() == _ALL:
        return tuple(known)
    named = _listed(text)
    if not named or any(each not in known for each in named) or len(set(named)) < len(named):
        raise _refused("--doors", f"{_ALL}, or some of {','.join(known)}", text)
    return tuple(named)


def _warehouses(text: str) -> tuple[tuple[str, str], ...]:
    from orderhub.core.countries import country_code

    found = [tuple(each.strip() for each in item.partition(":")[::2]) for item in _listed(text)]
    codes = [code for code, _ in found]
    if not codes or not all(codes) or len(set(codes)) < len(codes):
        raise _refused("--warehouses", "one code or several, such as EU01,US01", text)
    for _, country in found:
        if country and not country_code(country):
            raise _refused(
                "--warehouses", "codes with a country of ISO 3166-1 or none, such as EU01:DE", text
            )
    return tuple((code, country_code(country)) for code, country in found)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


_READ: dict[str, Callable[[str], Any]] = {
    "name": _name,
    "currency": _currency,
    "time_zone": _time_zone,
    "doors": _doors,
    "warehouses": _warehouses,
}


# --- what is made


def _emptied(settings: ProgramSettings) -> Any:
    from orderhub.cli.session import CommandRefused, answer_of, within
    from orderhub.core.decide import RECORD_TYPES
    from orderhub.ledger.database import ServeLock
    from orderhub.ledger.ledger import Ledger
    from orderhub.ledger.urls import without_password

    lock = ServeLock(settings.database)
    lock.take("a command", create=True)
    try:
        Ledger.open(settings.database, RECORD_TYPES).close()
        with within(settings) as send:
            if answer_of(send("GET", _CREDENTIALS))["items"]:
                raise CommandRefused(
                    f"{without_password(settings.database)} has an operator already: "
                    "`orderhub token create operator --scope operator` makes another token."
                )
            wanted = {"kind": "hub", "scopes": ["operator"], "label": "orderhub init"}
            return answer_of(send("POST", _CREDENTIALS, json=wanted))
    finally:
        lock.release()


def _make(settings: ProgramSettings, merchant: Merchant) -> None:
    """Show the business, then make it. Whatever goes wrong leaves no new file behind."""
    from orderhub.cli.session import address_of
    from orderhub.core.decide import RECORD_TYPES
    from orderhub.dialects.finding import find_dialects
    from orderhub.ledger.database import ServeLock
    from orderhub.ledger.ledger import Ledger
    from orderhub.ledger.urls import file_of, parse_url
    from orderhub.merchant import begin, needs_key
    from orderhub.web.cipher import Cipher

    dialects, where = find_dialects(), address_of(settings)
    new_key = ""
    if not settings.secret_key and needs_key(dialects, merchant.doors):
        new_key = secrets.token_urlsafe(32)
    file = file_of(parse_url(settings.database))
    is_new = file is not None and not file.exists()
    lock = ServeLock(settings.database)
    lock.take("a command", create=True)
    try:
        ledger = Ledger.open(settings.database, RECORD_TYPES)
        try:
            _refuse_tenants(ledger, settings.database)
            cipher = Cipher(new_key or settings.secret_key)
            begin(
                *(ledger, cipher, merchant, dialects, where),
                lambda begun: _Made(settings.database, merchant, begun, new_key, where).show(),
            )
        finally:
            ledger.close()
    except BaseException:
        if is_new and file is not None:
            os.truncate(file, 0)  # the lock removes an empty file
        raise
    finally:
        lock.release()


def _refuse_tenants(ledger: Any, database: str) -> None:
    from orderhub.cli.session import CommandRefused
    from orderhub.ledger.urls import without_password

    found = ledger.read(lambda reads: reads.tenants(limit=1))
    if found:
        raise CommandRefused(
            f"{without_password(database)} has tenants already ({found[0].name}): "
            "`orderhub tenant create` adds another."
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """A new business, and what is shown of it now and never again; `new_key` is empty where there was one."""

    database: str
    merchant: Merchant
    begun: Begun
    new_key: str
    where: str

    def show(self) -> None:
        """On the standard output, and out of this program. Raises CommandRefused where it cannot be written."""
        from orderhub.cli.session import CommandRefused
        from orderhub.cli.terminal import asks_json, show_json

        try:
            if asks_json():
                show_json(self.as_document())
            else:
                typer.echo(self.as_script(), nl=False)
            sys.stdout.flush()
        except OSError as error:
            with suppress(OSError):  # what is left would be tried again when the program ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            why = (error.strerror or str(error)).lower()
            raise CommandRefused(
                f"The tokens cannot be shown, so that nothing is made: {why}."
            ) from None

    def as_document(self) -> dict[str, Any]:
        """For programs."""
        from orderhub.ledger.urls import without_password

        return {
            "tenant": self.merchant.name,
            "currency": self.merchant.currency,
            "database": without_password(self.database),
            "url": self.where,
            "operator_token": self.begun.operator_token or None,
            "token": self.begun.token,
            "secret_key": self.new_key or None,
            "doors": [
                {"title": title, "what": door.title, "command": door.command}
                for title, door in self.begun.doors
            ],
        }

    def as_script(self) -> str:
        """For a shell to read as well as for people: what is no command is a comment."""
        from orderhub.ledger.urls import without_password

        name, begun = self.merchant.name, self.begun
        lines = [
            f"# {name} is set up in {without_password(self.database)}, in {self.merchant.currency}.",
            "# What follows is shown now and never again.",
        ]
        if begun.operator_token:
            lines.append(f"# The operator's token: {begun.operator_token}")
        lines.append(f"# The token of {name}: {begun.token}")
        if self.new_key:
            lines += [
                "# Secrets are kept under this key, without which `orderhub serve` does not start:",
                f"export ORDERHUB_SECRET_KEY={self.new_key}",
            ]
        lines += [
            "",
            f"# Start `orderhub serve`; it is to answer at {self.where}. Then, for each door:",
        ]
        for title, door in begun.doors:
            lines += ["", f"# {title}: {door.title}", door.command]
        lines += [
            "",
            f"# To work at the desk, {self.where}/desk, choose a password by the link that this shows:",
            f"# orderhub user add {name} you@example.org --role owner",
        ]
        return "\n".join(lines) + "\n"
