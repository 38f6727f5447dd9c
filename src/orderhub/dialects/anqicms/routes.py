"""The vendor's operations at the vendor's own paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from orderhub.dialects.anqicms import (
    account,
    addresses,
    carts,
    coupons,
    goods,
    orders,
    payments,
    people,
    wire,
)
from orderhub.dialects.anqicms.access import Visitor, endpoint
from orderhub.dialects.contract import Answer, Call, Route

_Handle = Callable[[Call, Visitor], Awaitable[Answer]]


def _get(path: str, handle: _Handle, summary: str, query: Any = None) -> Route:
    return Route("GET", path, endpoint(handle), summary, query=query)


def _post(path: str, handle: _Handle, summary: str, request: type, **more: Any) -> Route:
    return Route("POST", path, endpoint(handle), summary, request, mutates=True, **more)


# What the others answer is in their golden pairs.
_ORDER: dict[str, Any] = {"answers": {200: wire.OrderAnswer}}
# Their answers hold a fresh token, which is kept nowhere.
_FRESH: dict[str, Any] = {"idempotency_key": False}

ROUTES: tuple[Route, ...] = (
    _post("/api/order/create", orders.create, "Create an order", wire.CreateOrder, **_ORDER),
    _post(
        "/api/order/checkout",
        orders.checkout,
        "Preview what an order would come to",
        wire.CreateOrder,
        **_ORDER,
    ),
    _get("/api/orders", orders.orders, "List the caller's orders", wire.Orders),
    _get("/api/order/detail", orders.detail, "Show one order", wire.OrderId),
    _post("/api/order/cancel", orders.cancel, "Cancel an unpaid order", wire.OrderId),
    _post("/api/order/finish", orders.finish, "Confirm receipt", wire.OrderId),
    _post("/api/order/refund", orders.refund, "Ask for a refund", wire.OrderId),
    _post("/api/order/payment", payments.pay, "Pay an order", wire.PayOrder),
    _get("/api/payment/check", payments.check, "Whether an order is paid", wire.OrderId),
    _get("/api/order/address", addresses.newest, "The caller's newest address"),
    _get("/api/order/addresses", addresses.listing, "The caller's addresses"),
    _post("/api/order/address", addresses.save, "Keep an address", wire.AddressIn),
    _get("/api/cart/list", carts.listing, "What is in the cart", wire.Cart),
    _post("/api/cart/add", carts.put, "Put a product into the cart", wire.CartRow),
    _post("/api/cart/update", carts.put, "Change a row of the cart", wire.CartRow),
    _post("/api/cart/remove", carts.remove, "Take a row out of the cart", wire.RowId),
    _get(
        "/api/coupon/valid",
        coupons.valid,
        "The caller's coupons that hold for an order",
        wire.Coupons,
    ),
    _post("/api/coupon/code", coupons.claim, "Claim a coupon", wire.RowId),
    _get("/api/archive/sku", goods.archive_sku, "A product's SKUs, prices and stock", wire.Archive),
    _get("/api/archive/order/check", goods.order_check, "Whether a product was bought", wire.Id),
    _get("/api/user/groups", goods.user_groups, "The user groups"),
    _get("/api/user/group/detail", goods.user_group, "One user group", wire.Id),
    _get("/api/user/detail", people.user_detail, "The caller himself"),
    _post("/api/user/detail", account.change_detail, "Change one's details", wire.ChangeUser),
    _post(
        "/api/user/password",
        account.change_password,
        "Change one's password",
        wire.ChangePassword,
        **_FRESH,
    ),
    # It changes nothing: what it answers is bound to the password that stands.
    Route(
        "POST",
        "/api/verify/email",
        endpoint(account.verify_email),
        "What a shop mails to a user who forgot a password",
        wire.VerifyEmail,
    ),
    _post(
        "/api/password/reset",
        account.reset_password,
        "A new password by what was mailed",
        wire.ResetPassword,
        **_FRESH,
    ),
    _get("/api/captcha", people.captcha, "Whether a captcha is asked for"),
    _post("/api/login", people.login, "Log in", wire.Login, **_FRESH),
    _post("/api/register", people.register, "Register", wire.Register, **_FRESH),
)
