"""Every setting has an environment variable that is documented, and nothing else is taken for one."""

from pathlib import Path
from typing import Any

import pytest

from orderhub.settings import ProgramSettings, SettingRefused, describe

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def from_environment(**variables: str) -> ProgramSettings:
    return ProgramSettings.from_environment({f"ORDERHUB_{n}": v for n, v in variables.items()})


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = {
        cells[0].strip("`"): cells
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("| `ORDERHUB_")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    assert list(rows) == [name for name, _, _ in describe()], "one row a setting, in their order"
    for name, default, text in describe():
        row = " ".join(rows[name])
        assert text in row, f"{name}: {text}"
        assert default in row, name


def test_an_unknown_setting_is_refused_and_named() -> None:
    with pytest.raises(SettingRefused, match=r"ORDERHUB_PROT.*docs/settings\.md") as refused:
        from_environment(PROT="8080")
    assert "\n" not in str(refused.value)


def test_variables_of_others_are_none_of_our_business() -> None:
    settings = ProgramSettings.from_environment({"PATH": "/bin", "ORDER": "1", "ORDERHUBX": "2"})
    assert settings == ProgramSettings()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PORT": "http"}, "ORDERHUB_PORT must be a whole number, not 'http'"),
        ({"PORT": ""}, "ORDERHUB_PORT must be a whole number"),
        ({"QUEUE_LIMIT": "1e3"}, "ORDERHUB_QUEUE_LIMIT must be a whole number"),
        ({"RATE_LIMITS": "maybe"}, "ORDERHUB_RATE_LIMITS must be true or false, not 'maybe'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_in_one_sentence(
    variables: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingRefused, match=says):
        from_environment(**variables)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("on", True), (" yes ", True), ("0", False), ("no", False)],
)
def test_a_switch_is_read_as_people_write_it(text: str, value: bool) -> None:
    assert from_environment(ERRORS_IN_DETAIL=text).errors_in_detail is value


def test_the_command_line_wins_over_the_environment() -> None:
    given: dict[str, Any] = {"port": 9, "host": None}
    settings = ProgramSettings.from_environment(
        {"ORDERHUB_PORT": "8", "ORDERHUB_HOST": "0.0.0.0"}, **given
    )
    assert (settings.port, settings.host) == (9, "0.0.0.0")
