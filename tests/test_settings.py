"""What is unknown or of the wrong kind stops the start; tests/tools/test_documents.py holds that all are documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderhub.settings import ProgramSettings, SettingRefused, callable_url


def test_settings_come_from_the_environment_and_the_command_line_wins() -> None:
    environment = {"ORDERHUB_PORT": "9", "ORDERHUB_HOST": "0.0.0.0", "ORDERHUB_RATE_LIMITS": "no"}
    settings = ProgramSettings.from_environment(environment, port=10, host=None)
    assert (settings.port, settings.host, settings.rate_limits) == (10, "0.0.0.0", False)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ORDERHUB_COLOUR", "red", "ORDERHUB_COLOUR is not a setting of OrderHub"),
        ("ORDERHUB_PROT", "8080", r"ORDERHUB_PROT.*docs/settings\.md"),
        ("ORDERHUB_PORT", "http", "ORDERHUB_PORT must be a whole number, not 'http'"),
        ("ORDERHUB_PORT", "", "ORDERHUB_PORT must be a whole number"),
        ("ORDERHUB_QUEUE_LIMIT", "1e3", "ORDERHUB_QUEUE_LIMIT must be a whole number"),
        (
            "ORDERHUB_RATE_LIMITS",
            "maybe",
            "ORDERHUB_RATE_LIMITS must be true or false, not 'maybe'",
        ),
        ("ORDERHUB_PORT", "99999", "ORDERHUB_PORT must be 0 to 65535, not '99999'"),
        ("ORDERHUB_QUEUE_LIMIT", "0", "ORDERHUB_QUEUE_LIMIT must be 1 to"),
        ("ORDERHUB_BATCH_LIMIT", "0", "ORDERHUB_BATCH_LIMIT must be 1 to"),
        ("ORDERHUB_MAX_BODY_BYTES", "-1", "ORDERHUB_MAX_BODY_BYTES must be 1 to"),
        ("ORDERHUB_KEY_RETENTION_DAYS", "0", "ORDERHUB_KEY_RETENTION_DAYS must be 1 to"),
        ("ORDERHUB_LOG_LEVEL", "loud", "ORDERHUB_LOG_LEVEL must be one of debug, info"),
        ("ORDERHUB_PUBLIC_URL", "hub.example", "ORDERHUB_PUBLIC_URL must be a URL"),
        *(
            ("ORDERHUB_PUBLIC_URL", value, "ORDERHUB_PUBLIC_URL must be a URL")
            for value in (
                *("http://", "https://a b", "http://x#f", "http://x/?q=1", "https://[::1"),
                *("https://x:port", "ftp://x", "https://:80"),
            )
        ),
        ("ORDERHUB_WEBHOOK_ALLOW", "10.0.0.1/8", "ORDERHUB_WEBHOOK_ALLOW must be IP"),
        ("ORDERHUB_TRUSTED_PROXIES", "10.0.0.1, proxy", "ORDERHUB_TRUSTED_PROXIES must be IP"),
    ],
)
def test_an_unknown_setting_or_a_wrong_value_is_refused_in_one_sentence(
    variable: str, value: str, sentence: str
) -> None:
    with pytest.raises(SettingRefused, match=sentence) as refused:
        ProgramSettings.from_environment({variable: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:8080", "https://hub.example/shop", "http://[::1]:1"]
)
def test_a_public_url_may_have_a_port_and_a_path(value: str) -> None:
    assert ProgramSettings.from_environment({"ORDERHUB_PUBLIC_URL": value}).public_url == value


def test_variables_of_others_are_none_of_our_business() -> None:
    others = {"PATH": "/bin", "ORDER": "1", "ORDERHUBX": "2"}
    assert ProgramSettings.from_environment(others) == ProgramSettings()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("on", True), (" yes ", True), ("0", False), ("no", False)],
)
def test_a_switch_is_read_as_people_write_it(text: str, value: bool) -> None:
    settings = ProgramSettings.from_environment({"ORDERHUB_ERRORS_IN_DETAIL": text})
    assert settings.errors_in_detail is value


def test_a_variable_of_one_command_does_not_stop_the_others() -> None:
    environment = {"ORDERHUB_OPERATOR_TOKEN": "hub_1", "ORDERHUB_TRUSTED_PROXIES": "10.0.0.1, ::1"}
    assert ProgramSettings.from_environment(environment).trusted_proxies == "10.0.0.1, ::1"


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a long key\n")
    environment = {"ORDERHUB_SECRET_KEY_FILE": str(key)}
    assert ProgramSettings.from_environment(environment).secret_key == "a long key"
    for wrong, says in (
        ({**environment, "ORDERHUB_SECRET_KEY": "another"}, "Either ORDERHUB_SECRET_KEY or"),
        ({"ORDERHUB_DATABASE_FILE": str(tmp_path / "none")}, "cannot be read: no such file"),
        ({"ORDERHUB_PORT_FILE": str(key)}, "ORDERHUB_PORT_FILE is not a setting"),
    ):
        with pytest.raises(SettingRefused, match=says):
            ProgramSettings.from_environment(wrong)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("10.1.2.3", "http://10.1.2.3:8080"),
        ("hub.example", "http://hub.example:8080"),
        ("::1", "http://[::1]:8080"),
        ("fd00::2", "http://[fd00::2]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_answers_link_to_where_a_caller_can_go(host: str, url: str) -> None:
    assert callable_url(host, 8080) == url
