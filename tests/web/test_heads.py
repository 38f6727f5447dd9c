"""The head of an answer, which is written out in one step for most answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderhub.dialects.contract import Answer
from orderhub.web.app import _fields, _head

HEADERS = [(), (("Retry-After", "1"),), (("Cache-Control", "max-age=5"), ("Location", "/a\nb"))]


@given(
    status=st.sampled_from([200, 201, 204, 304, 400, 503]),
    body=st.binary(max_size=300),
    headers=st.sampled_from(HEADERS),
    media_type=st.sampled_from(["application/json", "application/problem+json", "text/csv"]),
)
def test_the_head_is_that_of_its_fields(status, body, headers, media_type):
    answer = Answer(status, body, headers, media_type)
    one_by_one = b"".join(b"%b: %b\r\n" % field for field in _fields(answer, "f00"))
    assert _head(answer, "f00") == one_by_one
