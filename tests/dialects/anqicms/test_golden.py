"""Golden pairs: the document's own examples and two for every call. They are run in tests/conformance."""

from orderhub.conform.cases import golden_cases
from orderhub.dialects.anqicms import DIALECT

CASES = golden_cases("anqicms")


def test_every_call_is_shown_in_both_languages():
    shown = {(c.request.method, c.request.path, is_english(c.request)) for c in CASES}
    wanted = {(r.method, r.path, english) for r in DIALECT.routes for english in (False, True)}
    assert wanted <= shown


def is_english(request):
    headers = {name.lower(): value for name, value in request.headers.items()}
    return "lang=en" in headers.get("cookie", "") or headers.get("accept-language", "") == "en"
