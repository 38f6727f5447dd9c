"""A quote as `/v2/order/cal` shows it: amounts in the product's and the settlement currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderhub.core.money import plain
from orderhub.core.quotes import Priced, Quote, list_of, net_of
from orderhub.dialects.tours4fun.show import price_info
from orderhub.dialects.tours4fun.sold import line_of


def calculation(quote: Quote) -> dict[str, Any]:
    """`data` of the answer. All keys are shown always, also those that some samples leave out."""
    net, listed = quote.net, quote.list_total
    settle, product = quote.settle, quote.product
    discount = listed - net
    return {
        "product_id": product.id,
        "product_line": line_of(product),
        "currency": quote.currency,
        **price_info((net, settle(net), listed, settle(listed), discount, settle(discount))),
        "product_price_detail": {
            "base_price": {
                **_both(quote, net_of(quote.base), list_of(quote.base)),
                "base_price_detail": [_base_row(quote, each) for each in quote.base],
            },
            "upgrades_price": {
                **_net(quote, net_of(quote.upgrades)),
                "upgrades_detail": _upgrades(quote),
            },
        },
    }


def _net(quote: Quote, net: Decimal) -> dict[str, Any]:
    return {
        "total_retail": plain(net),
        "total_retail_target_currency": plain(quote.settle(net)),
    }


def _both(quote: Quote, net: Decimal, listed: Decimal) -> dict[str, Any]:
    return {
        **_net(quote, net),
        "original_total_retail": plain(listed),
        "original_total_retail_target_currency": plain(quote.settle(listed)),
    }


def _base_row(quote: Quote, priced: Priced) -> dict[str, Any]:
    row = _both(quote, priced.amount, priced.list_amount)
    if priced.sku_id:
        row |= {"sku_id": priced.sku_id, "sku_name": priced.title}
    return row


def _upgrades(quote: Quote) -> dict[str, Any]:
    groups: dict[str, list[Priced]] = {}
    for priced in quote.upgrades:
        assert priced.group is not None
        groups.setdefault(str(priced.group.id), []).append(priced)
    return {
        group_id: {
            **_net(quote, net_of(tuple(members))),
            "upgrade_name": members[0].group.name if members[0].group else "",
            "upgrades_sub_detail": [
                {
                    "option_id": each.option_id,
                    **_net(quote, each.amount),
                    "upgrade_sub_name": each.option_name,
                }
                for each in members
            ],
        }
        for group_id, members in groups.items()
    }
