"""Local time and back: the same in every process, with daylight saving, gaps and folds."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderhub.core.values import Settings
from orderhub.core.zones import (
    UnknownZone,
    day_start,
    fixed_zone,
    iana_name,
    instants_of,
    local_day,
    local_time,
    zone_names,
    zone_of,
)
from tests.support.examples import examples

NEW_YORK = "America/New_York"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from([*sorted(zone_names()), "+05:30", "-12:00", "+14:00", "-00:30"])
# From 1970, when instants begin, to 9000, where they end: half of them where clocks are changed by hand.
INSTANTS = st.integers(0, 2 * 10**9) | st.integers(0, 221_845_391_999)


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def instant(at_us: int) -> str:
    return (EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%MZ")


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [
        (NEW_YORK, "2026-01-02T04:30Z", "2026-01-01 23:30"),
        (NEW_YORK, "2026-07-02T04:30Z", "2026-07-02 00:30"),
        (NEW_YORK, "2026-03-08T06:59Z", "2026-03-08 01:59"),
        (NEW_YORK, "2026-03-08T07:00Z", "2026-03-08 03:00"),
        (NEW_YORK, "2026-11-01T05:30Z", "2026-11-01 01:30"),
        (NEW_YORK, "2026-11-01T06:30Z", "2026-11-01 01:30"),
        ("Australia/Lord_Howe", "2026-07-01T00:00Z", "2026-07-01 10:30"),
        ("Asia/Kathmandu", "2026-07-01T00:00Z", "2026-07-01 05:45"),
        ("Asia/Shanghai", "2019-03-03T16:00Z", "2019-03-04 00:00"),
        ("-05:00", "2026-07-02T04:30Z", "2026-07-01 23:30"),
        ("+05:30", "2026-07-02T04:30Z", "2026-07-02 10:00"),
        ("UTC", "2026-07-02T04:30Z", "2026-07-02 04:30"),
        (NEW_YORK, "8999-07-02T04:30Z", "8999-07-02 00:30"),
    ],
)
def test_the_local_time_at_an_instant(zone: str, at: str, shown: str) -> None:
    assert f"{local_time(zone, us(at)):%Y-%m-%d %H:%M}" == shown
    assert local_day(zone, us(at)) == date.fromisoformat(shown[:10])


@pytest.mark.parametrize(
    ("zone", "local", "instants"),
    [
        (NEW_YORK, "2026-01-01 12:00", ["2026-01-01T17:00Z"]),
        (NEW_YORK, "2026-07-01 12:00", ["2026-07-01T16:00Z"]),
        (NEW_YORK, "2026-03-08 02:30", []),
        (NEW_YORK, "2026-11-01 01:30", ["2026-11-01T05:30Z", "2026-11-01T06:30Z"]),
        ("+08:00", "2026-11-01 01:30", ["2026-10-31T17:30Z"]),
    ],
)
def test_the_instants_of_a_local_time(zone: str, local: str, instants: list[str]) -> None:
    naive = datetime.fromisoformat(local)
    assert [instant(at) for at in instants_of(zone, naive)] == instants


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        (NEW_YORK, "2026-01-02", "2026-01-02T05:00Z"),
        (NEW_YORK, "2026-07-02", "2026-07-02T04:00Z"),
        (NEW_YORK, "2026-03-08", "2026-03-08T05:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z"),  # clocks went from 0:00 to 1:00
        ("America/Havana", "2020-11-01", "2020-11-01T04:00Z"),  # and here from 1:00 to 0:00
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z"),  # a day that there never was
        ("+08:00", "2026-07-02", "2026-07-01T16:00Z"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: str, start: str) -> None:
    assert instant(day_start(zone, date.fromisoformat(day))) == start


@examples(400, shrink=True)
@given(ZONES, INSTANTS)
@example(NEW_YORK, us("2026-11-01T05:30Z") // 10**6)
@example(NEW_YORK, us("2026-11-01T06:30Z") // 10**6)
@example(NEW_YORK, us("2026-03-08T07:00Z") // 10**6)
def test_local_time_leads_back_to_its_instant(zone: str, second: int) -> None:
    at = second * 1_000_000
    local = local_time(zone, at)
    assert (local - EPOCH) // timedelta(microseconds=1) == at
    found = instants_of(zone, local.replace(tzinfo=None, fold=0))
    assert found[local.fold if len(found) == 2 else 0] == at
    assert len(found) in {1, 2}


@examples(400, shrink=True)
@given(ZONES, INSTANTS)
@example("America/Sao_Paulo", us("2018-11-04T12:00Z") // 10**6)
@example("America/Havana", us("2020-11-01T12:00Z") // 10**6)
def test_a_day_holds_its_start_and_nothing_before_it(zone: str, second: int) -> None:
    day = local_day(zone, second * 1_000_000)
    start = day_start(zone, day)
    assert local_day(zone, start) == day
    assert local_day(zone, start - 1) < day
    assert start <= second * 1_000_000


def test_every_name_of_the_database_is_a_zone() -> None:
    assert len(zone_names()) > 500
    for name in zone_names():
        assert local_time(name, 0).utcoffset() is not None, name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Phobos",
        "america/new_york",
        "New_York",
        "EST5",
        "../zones",
        "Etc",
        "America",
        "+8",
        "+14:01",
        "-12:30",
        "+05:60",
        "08:00",
        "UTC+8",
        "Z",
        "posix/UTC",
        "/etc/localtime",
        "\0",
    ],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_of(name)


def test_the_rules_come_from_the_package_whatever_the_machine_has(tmp_path: Path) -> None:
    """A machine may have old rules, and `zoneinfo` looks there first."""
    (tmp_path / "America").mkdir()
    rules = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (tmp_path / "America" / "New_York").write_bytes(rules)
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    zone_of.cache_clear()
    try:
        at = us("2026-07-02T04:30Z")
        misled = (EPOCH + timedelta(microseconds=at)).astimezone(zoneinfo.ZoneInfo(NEW_YORK))
        assert f"{misled:%H:%M}" == "13:30"
        assert f"{local_time(NEW_YORK, at):%H:%M}" == "00:30"
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize(
    ("minutes", "zone", "iana"),
    [
        (0, "UTC", "Etc/UTC"),
        (480, "+08:00", "Etc/GMT-8"),
        (-300, "-05:00", "Etc/GMT+5"),
        (345, "+05:45", "+05:45"),
        (-30, "-00:30", "-00:30"),
        (840, "+14:00", "Etc/GMT-14"),
        (-720, "-12:00", "Etc/GMT+12"),
    ],
)
def test_an_offset_is_a_zone_of_its_own(minutes: int, zone: str, iana: str) -> None:
    assert fixed_zone(minutes) == zone
    assert iana_name(zone) == iana
    assert zone_of(zone).utcoffset(None) == timedelta(minutes=minutes)
    assert iana == zone or zone_of(iana).utcoffset(datetime(2026, 7, 1)) == timedelta(  # noqa: DTZ001
        minutes=minutes
    )


def test_settings_that_say_an_offset_are_read_and_kept_as_a_zone() -> None:
    read = msgspec.json.Decoder(Settings).decode
    old = read(b'{"name":"x","utc_offset_minutes":-300,"currency":"EUR"}')
    assert (old.time_zone, old.utc_offset_minutes) == ("-05:00", msgspec.UNSET)
    kept = msgspec.json.encode(old)
    assert msgspec.json.decode(kept) == {"name": "x", "currency": "EUR", "time_zone": "-05:00"}
    assert read(kept) == old
    assert read(b'{"name":"x"}').time_zone == "UTC"
    with pytest.raises(msgspec.ValidationError, match="IANA"):
        read(b'{"name":"x","time_zone":"Mars/Phobos"}')
