"""Every setting is documented; what is unknown or of the wrong kind stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderhub.settings import ProgramSettings, SettingRefused, describe

TEXT = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()


@pytest.mark.parametrize(("variable", "default", "meaning"), describe())
def test_a_setting_is_documented_with_its_default_and_meaning(
    variable: str, default: str, meaning: str
) -> None:
    shown = f"`{default}`" if default else "empty"
    assert f"| `{variable}` | {shown} | {meaning} |" in TEXT


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = {line.split("`")[1] for line in TEXT.splitlines() if line.startswith("| `")}
    assert documented == {variable for variable, _, _ in describe()}


def test_settings_come_from_the_environment_and_the_command_line_wins() -> None:
    environment = {"ORDERHUB_PORT": "9", "ORDERHUB_RATE_LIMITS": "no", "PATH": "/bin"}
    settings = ProgramSettings.from_environment(environment, port=10, database=None)
    assert (settings.port, settings.rate_limits) == (10, False)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ORDERHUB_COLOUR", "red", "ORDERHUB_COLOUR is not a setting of OrderHub"),
        ("ORDERHUB_PORT", "http", "ORDERHUB_PORT must be a whole number"),
        ("ORDERHUB_RATE_LIMITS", "maybe", "ORDERHUB_RATE_LIMITS must be true or false"),
    ],
)
def test_an_unknown_setting_or_a_wrong_value_is_refused(
    variable: str, value: str, sentence: str
) -> None:
    with pytest.raises(SettingRefused, match=sentence):
        ProgramSettings.from_environment({variable: value})
