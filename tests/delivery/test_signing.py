"""Signatures that the specification's own library takes."""

from __future__ import annotations

import time
from base64 import b64decode

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from orderhub.delivery import signing

BODY = '{"type":"order.placed","data":{"title":"Kaffee für 2 ☕"}}'.encode()


def now() -> int:
    """When the test runs: the library takes nothing that is five minutes old, as what was collected may be."""
    return int(time.time())


def test_a_message_is_verified_by_the_library_of_the_specification() -> None:
    secret = signing.new_secret()
    at = now()
    headers = signing.headers([secret], "evt_1", at, BODY)
    assert Webhook(secret).verify(BODY, headers)["type"] == "order.placed"
    assert headers["webhook-id"] == "evt_1"
    assert headers["webhook-timestamp"] == str(at)


def test_while_a_secret_is_rotated_either_verifies() -> None:
    new, old, never = (signing.new_secret() for _ in range(3))
    headers = signing.headers([new, old], "evt_1", now(), BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(never).verify(BODY, headers)


@pytest.mark.parametrize(
    ("name", "later_s", "body"),
    [("evt_2", 0, BODY), ("evt_1", 1, BODY), ("evt_1", 0, BODY + b" ")],
)
def test_what_was_changed_on_the_way_is_not_verified(name: str, later_s: int, body: bytes) -> None:
    secret, at = signing.new_secret(), now()
    changed = {"webhook-id": name, "webhook-timestamp": str(at + later_s)}
    headers = signing.headers([secret], "evt_1", at, BODY)
    Webhook(secret).verify(BODY, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers | changed, json_parse=False)


def test_a_secret_is_256_bits_that_nobody_had_before() -> None:
    drawn = {signing.new_secret() for _ in range(100)}
    assert len(drawn) == 100
    assert {len(b64decode(each.removeprefix("whsec_"))) for each in drawn} == {32}


def test_the_signature_is_the_one_that_the_specification_shows() -> None:
    headers = signing.headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!", "whsec_a"])
def test_what_is_no_secret_does_not_sign(text: str) -> None:
    with pytest.raises(ValueError, match="no secret"):
        signing.headers([text], "evt_1", now(), BODY)
