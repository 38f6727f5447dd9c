"""What a user is found by, also in documents that an older hub wrote."""

import msgspec

from orderhub.core.memberships import User

NAMES = {"user_name": "Ada", "email": "ADA@example.org", "phone": "13712345678"}


def test_the_names_of_an_older_hub_s_document_are_read_where_it_kept_them() -> None:
    old = msgspec.convert({"id": 7, "data": {**NAMES, "real_name": "Ada L"}}, User)
    assert old == User(id=7, **NAMES, data={"real_name": "Ada L"})
    assert msgspec.convert(msgspec.to_builtins(old), User) == old


def test_names_are_found_in_any_case_and_only_those_that_are_given() -> None:
    user = User(id=7, user_name="Ada", email="ADA@example.org")
    assert user.names == (("user_name", "ada"), ("email", "ada@example.org"))
    assert User(id=7).names == ()
