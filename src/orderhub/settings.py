"""The program's settings, each with an environment variable. An unknown ORDERHUB_ variable stops the start.

A secret may lie in a file that ORDERHUB_NAME_FILE names, as service managers and containers hand secrets in.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "ORDERHUB_"
DAY_S = 86_400
_FILE = "_FILE"
# What may come by a file: secrets, and the address of a database that holds its password.
SECRETS = ("database", "secret_key", "secret_key_old")
_MANY = 2**31 - 1
# Variables of single commands, which document them themselves; they are no settings of the program.
_OF_COMMANDS = frozenset({"ORDERHUB_OPERATOR_TOKEN", "ORDERHUB_TOKEN", "ORDERHUB_URL"})


class SettingRefused(Exception):
    """A setting that is unknown or not of its kind; the message is one clear sentence."""


def _setting(default: Any, text: str, check: Callable[[Any], str] = lambda _value: "") -> Any:
    """`check` answers what a value must be, or nothing when it is that."""
    return field(default=default, metadata={"text": text, "check": check})


def _within(least: int, most: int) -> Callable[[int], str]:
    return lambda value: "" if least <= value <= most else f"{least} to {most}"


def _one_of(*words: str) -> Callable[[str], str]:
    said = ", ".join(filter(None, words))
    return lambda value: "" if value.lower() in words else f"one of {said}"


def _web_address(value: str) -> str:
    if not value or _is_web_address(value):
        return ""
    return "a URL that begins with http:// or https:// and a host, without query, fragment or blank"


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for one that is none
    except ValueError:
        return False
    is_plain = value.isprintable() and not set(value) & set(" ?#")
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _addresses(value: str) -> str:
    try:
        for each in filter(None, map(str.strip, value.split(","))):
            ipaddress.ip_network(each)
    except ValueError:
        return "IP addresses or networks with commas between them"
    return ""


# Who listens on every address is called at one of them.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - known, not bound


def url_of(host: str, port: int) -> str:
    """`http://host:port`, an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def callable_url(host: str, port: int) -> str:
    """Where a hub that listens there is called, from the same machine at least."""
    return url_of(_EVERY_ADDRESS.get(host, host), port)


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    """What an operator may set. `describe()` lists them for the documentation."""

    database: str = _setting(
        "sqlite:///orderhub.sqlite", "database URL: sqlite:///path or postgresql://…"
    )
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8080, "port to listen on; 0 = any that is free", _within(0, 65_535))
    workers: int = _setting(
        1, "processes that serve on the port; more than one needs PostgreSQL", _within(1, 64)
    )
    public_url: str = _setting(
        "",
        "base URL that answers link to; empty = http://host:port of the listener, "
        "127.0.0.1 for 0.0.0.0",
        _web_address,
    )
    secret_key: str = _setting(
        "",
        "key that encrypts stored secrets (any long random text); needed once such secrets exist",
    )
    secret_key_old: str = _setting(
        "", "key before that one: still read, until `orderhub secrets rotate` has made it needless"
    )
    trusted_proxies: str = _setting(
        "",
        "comma-separated addresses or networks whose X-Forwarded-For, -Host and -Proto are believed",
        _addresses,
    )
    queue_limit: int = _setting(
        2_000, "commands that may wait; beyond it callers are told busy", _within(1, _MANY)
    )
    tenant_calls: int = _setting(
        256,
        "calls of one tenant in hand at once, half as many while other tenants call; "
        "beyond it that tenant is told busy",
        _within(1, _MANY),
    )
    batch_limit: int = _setting(
        256, "commands decided and committed together at most", _within(1, _MANY)
    )
    answer_timeout_s: int = _setting(
        4, "seconds that a call waits for the database before it is answered 503", _within(1, 3_600)
    )
    max_body_bytes: int = _setting(
        1_048_576, "largest request body, where a route sets no other", _within(1, _MANY)
    )
    max_bodies_bytes: int = _setting(
        134_217_728,
        "bytes of bodies above 64 KiB that are in memory at once; beyond it their callers are told busy",
        _within(1, _MANY),
    )
    max_connections: int = _setting(
        0,
        "connections at most, the rest are refused at once; 0 = as the limit of open files allows, up to 16384",
        _within(0, _MANY),
    )
    head_timeout_s: int = _setting(
        10, "seconds until the head of a request must be complete", _within(1, 3_600)
    )
    body_timeout_s: int = _setting(
        30,
        "seconds without a byte after which a body that is sent, or an answer that is read, is given up",
        _within(1, 3_600),
    )
    keep_alive_s: int = _setting(
        75,
        "seconds that an idle connection stays open: longer than a proxy before the hub keeps its own",
        _within(1, 86_400),
    )
    key_retention_days: int = _setting(
        7, "days that Idempotency-Key answers are kept", _within(1, 36_500)
    )
    rate_limits: bool = _setting(True, "whether the vendors' rate limits apply")
    errors_in_detail: bool = _setting(
        False,
        "whether refusals of every tenant say why in Hub-Reason and Hub-Detail, as those of sandboxes do",
    )
    request_log: str = _setting(
        "",
        "which calls of a tenant that says nothing itself are kept for a while: all, failed or none; "
        "empty = all of a sandbox, failed ones of others",
        _one_of("", "all", "failed", "none"),
    )
    webhook_allow: str = _setting(
        "",
        "comma-separated addresses or networks that webhooks may go to though they are not of the public "
        "internet; plain http is for these alone",
        _addresses,
    )
    log_level: str = _setting(
        "info", "debug, info, warning or error", _one_of("debug", "info", "warning", "error")
    )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **given: Any
    ) -> ProgramSettings:
        """Settings from ORDERHUB_* variables; `given` ones (of the command line) win. Raises SettingRefused."""
        environment = _with_files(os.environ if environment is None else environment)
        known = {f"{PREFIX}{each.name.upper()}": each for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environment.items():
            if not name.startswith(PREFIX) or name in _OF_COMMANDS:
                continue
            if name not in known:
                raise SettingRefused(f"{name} is not a setting of OrderHub: see docs/settings.md.")
            value = _parsed(name, text, str(known[name].type))
            must_be = known[name].metadata["check"](value)
            if must_be:
                raise SettingRefused(f"{name} must be {must_be}, not {text!r}.")
            values[known[name].name] = value
        values.update({name: value for name, value in given.items() if value is not None})
        return cls(**values)


def _with_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with those in it that files hold. Raises SettingRefused."""
    found = dict(environment)
    for member in SECRETS:
        name = f"{PREFIX}{member.upper()}"
        path = found.pop(f"{name}{_FILE}", "")
        if not path:
            continue
        if found.get(name):
            raise SettingRefused(f"Either {name} or {name}{_FILE}, not both.")
        try:
            found[name] = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text in UTF-8"
            raise SettingRefused(f"{name}{_FILE}: {path} cannot be read: {why.lower()}.") from None
    return found


def _parsed(name: str, text: str, kind: str) -> Any:
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise SettingRefused(f"{name} must be a whole number, not {text!r}.") from None
    if kind == "bool":
        lowered = text.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off"):
            return False
        raise SettingRefused(f"{name} must be true or false, not {text!r}.")
    return text


def describe() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting."""
    return [
        (f"{PREFIX}{each.name.upper()}", str(each.default), each.metadata["text"])
        for each in fields(ProgramSettings)
    ]
