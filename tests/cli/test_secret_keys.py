"""The secret key is checked at the start against what it encrypted, and another one takes over without a break."""

import json
from pathlib import Path

import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.ledger import Ledger
from orderhub.web.cipher import Cipher, SecretKeyMissing
from orderhub.web.hub_api import secrets
from tests.support.calls import calling
from tests.support.golden import by, goldens, sent
from tests.support.hub import SECRET_KEY
from tests.support.hub_process import orderhub, serving

NEW = "another key"
BOTH = {"ORDERHUB_SECRET_KEY": NEW, "ORDERHUB_SECRET_KEY_OLD": SECRET_KEY}


def kept(url: str) -> list[str]:
    ledger = Ledger.open(url, RECORD_TYPES)
    found = ledger.read(lambda reads: reads.credentials(None))
    ledger.close()
    return [each.secret for each in found if each.secret]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"ORDERHUB_SECRET_KEY": "wrong"}, "ORDERHUB_SECRET_KEY does not read 5 of the 5 secrets"),
        ({"ORDERHUB_SECRET_KEY": ""}, "Set ORDERHUB_SECRET_KEY: the database holds 5 secrets"),
        (
            {"ORDERHUB_SECRET_KEY": NEW, "ORDERHUB_SECRET_KEY_OLD": "wrong"},
            "does not read 5 of the 5 secrets",
        ),
    ],
)
def test_serving_with_a_wrong_key_or_none_is_refused_in_one_sentence(
    sqlite_demo: str, keys: dict[str, str], says: str
) -> None:
    said = orderhub("serve", "--database", sqlite_demo, "--port", "0", **keys)
    assert said.returncode == 2
    assert said.stderr.startswith("orderhub: ")
    assert says in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_command_that_needs_no_key_works_without_and_never_with_a_wrong_one(
    sqlite_demo: str,
) -> None:
    words = ("tenant", "list", "--database", sqlite_demo)
    assert orderhub(*words, ORDERHUB_SECRET_KEY="").returncode == 0
    said = orderhub(*words, ORDERHUB_SECRET_KEY="wrong")
    assert said.returncode == 2
    assert said.stderr.startswith("orderhub: ORDERHUB_SECRET_KEY does not read")


def test_rotating_moves_every_secret_to_the_new_key_and_twice_changes_nothing(
    sqlite_demo: str,
) -> None:
    words = ("secrets", "rotate", "--database", sqlite_demo)
    done = orderhub(*words, **BOTH)
    assert json.loads(done.stdout) == {"secrets": 5, "rotated": 5}, done.stderr
    after = kept(sqlite_demo)
    assert all(Cipher(NEW).is_current(each) for each in after)
    assert json.loads(orderhub(*words, **BOTH).stdout) == {"secrets": 5, "rotated": 0}
    assert kept(sqlite_demo) == after
    none = orderhub(*words, ORDERHUB_SECRET_KEY="")
    assert none.returncode == 2
    assert "ORDERHUB_SECRET_KEY" in none.stderr


def test_a_running_hub_rotates_over_http_and_its_callers_notice_nothing(
    sqlite_demo: str, tmp_path: Path
) -> None:
    with serving(sqlite_demo, tmp_path / "log", **BOTH) as hub:
        words = ("secrets", "rotate", "--database", sqlite_demo)
        assert "give its --token" in orderhub(*words).stderr
        done = orderhub(*words, "--token", "hub-demo-operator")
        assert json.loads(done.stdout) == {"secrets": 5, "rotated": 5}
        login = {"user_name": "demo", "password": "demo123456"}
        assert hub.ask("POST", "/api/login", json=login).json()["code"] == 0
        assert hub.stop() == 0
    with serving(sqlite_demo, tmp_path / "log", ORDERHUB_SECRET_KEY=NEW) as hub:
        assert hub.ask("POST", "/api/login", json=login).json()["code"] == 0
        assert hub.stop() == 0


def test_a_rotation_that_was_broken_off_is_gone_on_with(
    demo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_STEP", 2)
    given = {"secret_key": NEW, "secret_key_old": SECRET_KEY}
    with calling(demo_url, **given) as hub:
        write, steps = hub.hub.port.write, iter(range(2))

        async def breaks(*args, **more):
            if next(steps, None) is None:
                raise ConnectionError
            return await write(*args, **more)

        with monkeypatch.context() as broken:
            broken.setattr(hub.hub.port, "write", breaks)
            assert hub.ask("POST", "/hub/v1/secrets/rotate").status == 500
        found = hub.hub.ledger.read(lambda reads: reads.credentials(None))
        states = [Cipher(NEW, SECRET_KEY).is_current(each.secret) for each in found if each.secret]
        assert sorted(states) == [False, True, True, True, True]
        dry = hub.ask("POST", "/hub/v1/secrets/rotate", Hub_Dry_Run="true").json()
        assert dry == {"secrets": 5, "rotated": 1}
        assert hub.operate("POST", "/hub/v1/secrets/rotate")["rotated"] == 1
        assert hub.operate("POST", "/hub/v1/secrets/rotate")["rotated"] == 0
    with calling(demo_url, secret_key=NEW) as hub:
        case = goldens("tours4fun")[0]
        assert sent(by(case.request, None), hub.send, {}).status == 200


def test_rotating_is_for_operators(sqlite_demo: str) -> None:
    with calling(sqlite_demo) as hub:
        assert hub.ask("POST", "/hub/v1/secrets/rotate", token="hub-demo-shop").status == 403


def test_a_hub_that_keeps_no_secret_needs_no_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    with serving(url, tmp_path / "log", ORDERHUB_SECRET_KEY="") as hub:
        assert hub.ready == 200
        assert hub.stop() == 0


def test_what_the_old_key_encrypted_is_read_and_nothing_is_encrypted_under_it() -> None:
    old = Cipher("old").encrypt("secret")
    both = Cipher("new", "old")
    assert both.decrypt(old) == "secret"
    assert not both.is_current(old)
    assert Cipher("new").decrypt(both.encrypt("secret")) == "secret"
    only_old = Cipher("", "old")
    assert only_old.decrypt(old) == "secret"
    with pytest.raises(SecretKeyMissing):
        only_old.encrypt("secret")
    with pytest.raises(SecretKeyMissing):
        Cipher("new").is_current(old)
