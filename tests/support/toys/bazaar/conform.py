"""What the conformance kit knows of the bazaar."""

from __future__ import annotations

from orderhub.dialects.conforming import STATUSES, Conformance, Envelope, Request

_ERROR = {"ok": bool, "why": str}

CONFORMANCE = Conformance(
    errors={kind: Envelope(status, _ERROR, {"ok": False}) for kind, status in STATUSES.items()},
    taken=Envelope(201, {"ok": bool, "sale": str, "total": object}, {"ok": True}),
    number="$.sale",
    read_back=Request("GET", "/bazaar/sales/{{number}}"),
    other=("item", "another carpet"),
)
