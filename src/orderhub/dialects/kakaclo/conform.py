"""What the conformance kit knows of KakaClo: its envelope, an order's way back, its bearer token."""

from __future__ import annotations

from orderhub.dialects.conforming import STATUSES, Conformance, Envelope, Request

_ERROR = {"code": int, "message": str}

CONFORMANCE = Conformance(
    errors={kind: Envelope(s, _ERROR, {"code": s}) for kind, s in STATUSES.items()},
    taken=Envelope(200, {"code": int, "message": str, "data": int}, {"code": 10000}),
    number="$.data",
    read_back=Request("GET", "/openapi/v1/order/order", {"ids": "{{number}}"}),
    other=("remark", "another remark"),
)
