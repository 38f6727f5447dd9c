"""Templates, and how values are written: amounts, times and numbers as people write them in their language and zone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from copy import copy
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache, partial
from importlib import resources
from typing import Any

import msgspec
from babel.core import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.numbers import NumberPattern, format_currency, format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from orderhub.core.currencies import currency_digits
from orderhub.core.money import STORED_DECIMALS
from orderhub.core.values import MICROSECONDS, Clock
from orderhub.web.desk.language import LANGUAGES, catalogue, locale_of
from orderhub.web.desk.refusals import unanswered

FILES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_DAY_S = 86_400


class Section(msgspec.Struct, frozen=True):
    """An entry of the navigation. `title` as `N_` marks it."""

    path: str
    title: str
    is_here: bool = False


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around every page. `zone`, `currency`, `clock` and `now_us` are those of the tenant."""

    language: str
    zone: tzinfo = UTC
    currency: str = ""
    clock: Clock = Clock()
    now_us: int = 0
    form_token: str = ""
    once: str = ""  # the key under which a form of this page counts once
    flash: str = ""
    who: str = ""
    role: str = ""
    tenant: str = ""
    tenants: tuple[str, ...] = ()
    sections: tuple[tuple[str, tuple[Section, ...]], ...] = ()
    query: str = ""  # what was looked for last


def render(template: str, frame: Frame, **values: Any) -> bytes:
    """A page as bytes. What is written into it is escaped, whoever it came from."""
    return (
        _environment(frame.language).get_template(template).render(frame=frame, **values).encode()
    )


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("orderhub.web.desk"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    # `_` is for what a template itself says, and takes it for HTML. Whatever a page brings along is said by this one.
    environment.filters["say"] = catalogue(language).gettext
    environment.filters["unanswered"] = partial(unanswered, language)
    environment.filters.update(
        money=_money,
        amount=_amount,
        joined=joined,
        number=_number,
        moment=_moment,
        day=_day,
        clock=_clock,
        age=_age,
        date=_date,
        instant=_instant,
        by_clock=_by_clock,
    )
    environment.globals.update(languages=LANGUAGES, file_path=file_path)
    return environment


# --- files that pages link to


@cache
def file(name: str) -> bytes:
    return (resources.files("orderhub.web.desk") / "static" / name).read_bytes()


@cache
def file_path(name: str) -> str:
    """The path of a file, with what it holds in it: browsers keep it for good."""
    return f"/desk/static/{name}?{hashlib.sha256(file(name)).hexdigest()[:12]}"


# --- values


def joined(texts: Iterable[object], between: str = ", ") -> Markup:
    """Texts beside each other, those that are empty left out. None turns round what follows it, as U+202E would."""
    return escape(between).join(Markup("<bdi>{}</bdi>").format(each) for each in texts if each)


def _local(context: Context, at_us: int) -> datetime:
    frame: Frame = context["frame"]
    return datetime.fromtimestamp(at_us / MICROSECONDS, UTC).astimezone(frame.zone)


def _written(at: datetime, text: str) -> Markup:
    """As people write it, with the exact instant beside it."""
    exact = at.isoformat(sep=" ", timespec="seconds")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, text)


@cache
def _money_pattern(locale: Locale, digits: int) -> NumberPattern:
    """The locale's own, with as many decimals as the currency has."""
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def money(value: Decimal, currency: str, language: str) -> str:
    """With its currency and the decimals that this has."""
    locale = locale_of(language)
    pattern = _money_pattern(locale, currency_digits(currency))
    return format_currency(value, currency, pattern, locale, currency_digits=False)


def amount(value: Decimal, currency: str, language: str) -> str:
    """As `money`, in a column that names its currency once; with more decimals where there are more."""
    digits = currency_digits(currency)
    pattern = f"#,##0.{'0' * digits:#<{STORED_DECIMALS}}"
    return format_decimal(value, pattern, locale=locale_of(language))


@pass_context
def _money(context: Context, value: Decimal, currency: str) -> str:
    return money(value, currency, context["frame"].language)


@pass_context
def _amount(context: Context, value: Decimal, currency: str) -> str:
    return amount(value, currency, context["frame"].language)


@pass_context
def _number(context: Context, value: int | Decimal) -> str:
    return format_decimal(value, locale=locale_of(context["frame"].language))


@pass_context
def _moment(context: Context, at_us: int) -> Markup:
    at, locale = _local(context, at_us), locale_of(context["frame"].language)
    return _written(at, format_datetime(at, "medium", locale=locale))


@pass_context
def _day(context: Context, at_us: int) -> Markup:
    at, locale = _local(context, at_us), locale_of(context["frame"].language)
    return _written(at, format_date(at, "medium", locale=locale))


@pass_context
def _date(context: Context, day: str, skeleton: str = "MMMd") -> str:
    """A calendar day such as 2026-11-28, without its year unless the skeleton (CLDR's) has it."""
    locale = locale_of(context["frame"].language)
    return format_skeleton(skeleton, date.fromisoformat(day), locale=locale)


def _instant(text: str) -> int:
    """What the API says of a moment, as the other filters take it: `{{ each.at | instant | age }}`."""
    return round(datetime.fromisoformat(text).timestamp() * MICROSECONDS)


@pass_context
def _by_clock(context: Context, at_us: int) -> int:
    """An instant of the wall by the tenant's clock, beside what is of that time: `{{ at | by_clock | age }}`."""
    frame: Frame = context["frame"]
    return frame.clock.at(at_us)


@pass_context
def _clock(context: Context, at_us: int) -> Markup:
    at = _local(context, at_us)
    return _written(at, f"{at:%H:%M:%S}")


@pass_context
def _age(context: Context, at_us: int) -> Markup:
    """How long ago, while that is within a day; then the day."""
    frame: Frame = context["frame"]
    at, locale = _local(context, at_us), locale_of(frame.language)
    passed_s = (frame.now_us - at_us) // MICROSECONDS
    if 0 <= passed_s < _DAY_S:
        return _written(at, format_timedelta(passed_s, format="short", threshold=1, locale=locale))
    return _written(at, format_date(at, "medium", locale=locale))
