"""One item of each kind as it may be written: shown by OpenAPI and the guide, put and sold by a test.

They go together: the variant is the shirt's, the coupon is for it. Product 5002 is a tour.
"""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "products": {
        "id": 5001,
        "code": "SHIRT",
        "doc": {"title": "T-shirt", "price": "19.90", "weight_g": 180},
    },
    "variants": {
        "id": 6001,
        "code": "SHIRT-M",
        "doc": {"product_id": 5001, "title": "T-shirt, M", "price": "21.90"},
    },
    "prices": {"id": 5001, "doc": {"price": "17.90"}},
    "warehouses": {
        "id": 101,
        "doc": {"code": "EU01", "name": "Warehouse in Leipzig", "country": "DE"},
    },
    "freight": {
        "id": 101,
        "doc": {
            "code": "POST",
            "title": "Parcel post",
            "base": "4.50",
            "per_step": "0.50",
            "currency": "USD",
            "delivery": "3 to 5 days",
            "days": 5,
        },
    },
    "coupons": {
        "id": 101,
        "doc": {
            "code": "SPRING10",
            "title": "Ten percent off",
            "kind": "percent",
            "percent": 90,
            "max_money": "20",
            "starts_at": "2024-03-01T00:00:00Z",
            "products": [5001],
        },
    },
    "tours": {
        "id": 5002,
        "doc": {
            "sold_by": "persons",
            "adult_price": "80",
            "kid_price": "40",
            "departures": [{"first": "2024-05-01", "last": "2099-09-30", "weekdays": [6, 7]}],
            "seats_counted": False,
        },
    },
    "departures": {
        "id": 5002,
        "doc": {"departures": [{"first": "2024-05-01", "last": "2099-10-31", "min_persons": 2}]},
    },
    "forms": {
        "id": 5002,
        "doc": {"form": [{"name": "passport", "label": "Passport number"}]},
    },
    "taxes": {"id": 101, "doc": {"code": "DE-19", "taxation": "DE-VAT", "value": "0.19"}},
    "taxations": {
        "id": 101,
        "doc": {"code": "DE-VAT", "name": "Value added tax", "local_name": "Umsatzsteuer"},
    },
    "tax-environments": {
        "id": 101,
        "doc": {
            "code": "DE",
            "country": "DEU",
            "taxations": ["DE-VAT"],
            "valid": {"start": "2007-01-01T00:00:00Z"},
        },
    },
    "services": {
        "id": 101,
        "uid": "00000000-0000-4000-8000-000000005101",
        "doc": {"name": "Spa"},
    },
    "categories": {"id": 101, "doc": {"name": "Wellness", "code": "4400"}},
    "segments": {"id": 101, "doc": {"name": "Leisure"}},
    "resellers": {
        "id": 101,
        "code": "their-app-key",
        "doc": {"settlement": "EUR", "discount_ratio": "0.9"},
    },
    "exchange-rates": {
        "id": 1,
        "doc": {"base": "USD", "sheets": [{"since": "2024-01-01", "rates": {"EUR": "0.9236"}}]},
    },
    "memberships": {
        "id": 5,
        "doc": {
            "title": "Gold",
            "price": "99",
            "expire_days": 365,
            "discount": 90,
            "share_reward": 10,
            "level": 2,
        },
    },
    "shops": {"id": 1, "doc": {"seller_percent": 80}},
    "users": {"id": 1000, "doc": {"group_id": 5, "is_distributor": True}},
}
