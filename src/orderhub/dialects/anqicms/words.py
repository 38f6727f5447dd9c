"""What the vendor says, in both languages, and the envelope it says it in.

Every answer is `{"code":…,"msg":…,"data":…}` with HTTP status 200, refusals included; a failure has
no `data`. The exceptions are unknown paths, and a hub that is broken rather than refusing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind
from orderhub.dialects.spelling import spelled

MEDIA_TYPE = "application/json; charset=utf-8"
OK = 0
FAILED = -1
LOGIN = 1001
NOT_AUTHORIZED = 1002

# A sentence in zh-CN and in English. A key that is its own text in both stays as it is: the vendor
# sends some raw keys and database texts untranslated.
TEXTS: dict[str, tuple[str, str]] = {
    "login_required": (
        "该操作需要登录，请登录后重试",
        "This operation requires login, please log in and try again",
    ),
    "forbidden": ("权限不足", "Insufficient permissions"),
    "not_operable": ("该订单不可操作", "The order cannot be operated"),
    "nothing_ordered": ("请选择商品", "Please select the product"),
    "address_unknown": ("地址不存在", "Address does not exist"),
    "cross_store": ("不支持跨店下单", "Cross-store ordering is not supported"),
    "canceled": ("订单已取消", "Order canceled"),
    "completed": ("订单已完成", "Order completed"),
    "refund_asked": ("退款申请已提交", "Refund application submitted"),
    "paid": ("支付成功", "Payment successful"),
    "unpaid": ("未支付", "Unpaid"),
    "no_payment": ("无法创建支付订单", "Cannot create payment order"),
    "account_missing": ("请输入账号", "Please enter your account"),
    "password_short": (
        "请输入6位及以上长度的密码",
        "Please enter a password of 6 characters or longer",
    ),
    "login_failed": ("登录失败", "Login failed"),
    "login_blocked": (
        "登录失败次数过多，请稍后重试",
        "Too many failed logins, please try again later",
    ),
    "register_incomplete": (
        "请正确填写用户名和密码",
        "Please fill in the username and password correctly",
    ),
    "register_password_short": (
        "请输入6位以上的密码",
        "Please enter a password of more than 6 digits",
    ),
    "new_password_short": (
        "请填写6位以上的密码",
        "Please fill in a password of more than 6 digits",
    ),
    "old_password_wrong": ("原密码错误", "Old password is wrong"),
    "password_changed": ("密码修改成功", "Password changed successfully"),
    "password_reset": ("密码重置成功", "Password reset successfully"),
    "token_invalid": ("无效的令牌", "Invalid Token"),
    "verify_email": ("请验证您的邮箱", "Please Verify Your Email"),
    "no_mail": ("邮件发送功能未开启", "Mail is not sent from here"),
    "user_name_taken": ("该用户名已被注册", "The username has been registered"),
    "phone_wrong": ("手机号不正确", "Incorrect mobile phone number"),
    "phone_taken": ("该手机号已被注册", "The mobile phone number has been registered"),
    "email_wrong": ("邮箱不正确", "Incorrect email"),
    "email_taken": ("该邮箱已被注册", "The email has been registered"),
    "contact_missing": (
        "邮箱和手机号至少填写一个",
        "Fill in at least one of the email and mobile phone number",
    ),
    "saved": ("保存成功", "Saved successfully"),
    "deleted": ("删除成功", "Deleted successfully"),
    "claimed": ("领取成功", "Claimed successfully"),
    "already_claimed": ("该优惠券已领取", "The coupon has already been claimed"),
    "coupon_unknown": ("优惠券不存在", "Coupon does not exist"),
    "coupon_not_valid": ("优惠券不可用", "The coupon is not available for this order"),
    "coupon_used_up": ("优惠券已用完", "The coupon has been used up"),
    "out_of_stock": ("库存不足", "Insufficient stock"),
    "quantity": ("商品数量不正确", "Incorrect product quantity"),
    "currency": ("货币不符", "The currencies do not match"),
    "key_reused": (
        "该幂等键已用于其他请求",
        "This Idempotency-Key was used with another request",
    ),
    "key_redacted": (
        "该请求已处理，其响应已随个人数据删除",
        "This request was done; its answer was deleted with personal data",
    ),
    "key_invalid": ("幂等键不正确", "The Idempotency-Key header is unusable"),
    "exists": ("记录已存在", "The record already exists"),
    "not_possible": ("无法下单", "The order cannot be placed"),
    "site_unknown": ("站点不存在", "The site does not exist"),
    "not_found": ("接口不存在", "Not Found"),
    "method": ("请求方法不支持", "Method Not Allowed"),
    "too_large": ("请求内容过大", "The request is too large"),
    "media": ("内容格式不支持", "Unsupported content type"),
    "busy": ("系统繁忙，请稍后重试", "The system is busy, please try again later"),
    "too_many": ("请求过于频繁，请稍后重试", "Too many requests, please try again later"),
    "broken": ("系统错误", "System error"),
    "PleaseLogin": ("PleaseLogin", "PleaseLogin"),
    "BalanceNotEnough": ("BalanceNotEnough", "BalanceNotEnough"),
    "record not found": ("record not found", "record not found"),
    "out_of_range": (
        "Error 1264 (22003): Out of range value for column 'amount' at row 1",
        "Error 1264 (22003): Out of range value for column 'amount' at row 1",
    ),
    "too_long": (
        "Error 1406 (22001): Data too long for column '{column}' at row 1",
        "Error 1406 (22001): Data too long for column '{column}' at row 1",
    ),
}

# Reason -> what is said: one row for each, so that a new one is never worded by chance.
# ACCOUNT_UNKNOWN is the buyer: his user is gone, so he is nobody.
REFUSALS: dict[Reason, str] = {
    Reason.KEY_REUSED: "key_reused",
    Reason.KEY_REDACTED: "key_redacted",
    Reason.TEXT_INVALID: "too_long",
    Reason.ALREADY_EXISTS: "exists",
    Reason.ORDER_UNKNOWN: "record not found",
    Reason.RECORD_UNKNOWN: "record not found",
    Reason.NOT_OWNER: "not_operable",
    Reason.VERSION_CONFLICT: "not_operable",
    Reason.TRANSITION_NOT_ALLOWED: "not_operable",
    Reason.NOTHING_ORDERED: "nothing_ordered",
    Reason.ADDRESS_UNKNOWN: "address_unknown",
    Reason.SERVICE_UNKNOWN: "not_possible",
    Reason.SERVICE_INACTIVE: "not_possible",
    Reason.ACCOUNT_UNKNOWN: "PleaseLogin",
    Reason.BILL_UNKNOWN: "not_possible",
    Reason.BILL_CLOSED: "not_possible",
    Reason.BILL_OF_OTHER_ACCOUNT: "not_possible",
    Reason.PRODUCT_UNKNOWN: "record not found",
    Reason.PRODUCT_INACTIVE: "record not found",
    Reason.VARIANT_UNKNOWN: "record not found",
    Reason.CATEGORY_UNKNOWN: "not_possible",
    Reason.REFERENCE_UNKNOWN: "record not found",
    Reason.WAREHOUSE_UNKNOWN: "record not found",
    Reason.SELLERS_DIFFER: "cross_store",
    Reason.QUANTITY_INVALID: "quantity",
    Reason.CONTACT_INVALID: "too_long",
    Reason.COUNTRY_NOT_SERVED: "not_possible",
    Reason.TAX_NUMBER_REQUIRED: "not_possible",
    Reason.DATE_UNAVAILABLE: "not_possible",
    Reason.TOO_LATE_TO_BOOK: "not_possible",
    Reason.CONSUMPTION_TOO_OLD: "not_possible",
    Reason.ADULT_MISSING: "not_possible",
    Reason.ROOM_TOO_FULL: "not_possible",
    Reason.GUESTS_MISMATCH: "not_possible",
    Reason.TOO_FEW_PERSONS: "not_possible",
    Reason.UPGRADE_UNKNOWN: "not_possible",
    Reason.UPGRADE_CHOICE_INVALID: "not_possible",
    Reason.GUEST_FORM_INVALID: "not_possible",
    Reason.CHILD_TOO_OLD: "not_possible",
    Reason.CURRENCY_NOT_ENABLED: "currency",
    Reason.PRICE_MISSING: "not_possible",
    Reason.PRICE_NOT_SOLD: "record not found",
    Reason.TAX_CODE_UNKNOWN: "not_possible",
    Reason.TAX_CODES_CONFLICT: "not_possible",
    Reason.REBATE_NOT_PERMITTED: "not_possible",
    Reason.COUPON_UNKNOWN: "coupon_unknown",
    Reason.COUPON_NOT_VALID: "coupon_not_valid",
    Reason.AMOUNT_OUT_OF_RANGE: "out_of_range",
    Reason.COUPON_USED_UP: "coupon_used_up",
    Reason.OUT_OF_STOCK: "out_of_stock",
    Reason.SOLD_OUT: "out_of_stock",
    Reason.BALANCE_TOO_LOW: "BalanceNotEnough",
}
_LOGIN_REASONS = (Reason.ACCOUNT_UNKNOWN,)

# Fault -> HTTP status, code, what is said; empty = the decoder's own text.
FAULTS: dict[FaultKind, tuple[int, int, str]] = {
    FaultKind.MALFORMED: (200, FAILED, ""),
    FaultKind.INVALID: (200, FAILED, ""),
    FaultKind.UNAUTHENTICATED: (200, LOGIN, "login_required"),
    FaultKind.FORBIDDEN: (200, NOT_AUTHORIZED, "forbidden"),
    FaultKind.NOT_FOUND: (404, FAILED, "not_found"),
    FaultKind.METHOD_NOT_ALLOWED: (405, FAILED, "method"),
    FaultKind.TOO_LARGE: (200, FAILED, "too_large"),
    FaultKind.UNSUPPORTED_MEDIA: (200, FAILED, "media"),
    FaultKind.RATE_LIMITED: (429, FAILED, "too_many"),
    FaultKind.KEY_INVALID: (200, FAILED, "key_invalid"),
    FaultKind.BUSY: (200, FAILED, "busy"),
    FaultKind.UNAVAILABLE: (503, FAILED, "busy"),
    FaultKind.BROKEN: (500, FAILED, "broken"),
}

FIELDS: Mapping[str, str] = {
    "lines": "details",
    "lines[].product": "details[].goods_id",
    "lines[].variant": "details[].goods_sku_id",
    "lines[].quantity": "details[].quantity",
    "lines[].amount": "details[].amount",
    "total": "amount",
    "owner": "user_id",
    "notes": "remark",
    "label": "type",
    "cart": "cart_ids",
    "coupon": "coupon_code",
    "coupon.code": "coupon_code",
    "coupon.claim": "coupon_code_id",
    "coupon.id": "coupon_id",
    "order": "order_id",
    "payment": "pay_way",
    "ship_to.id": "address.id",
    "ship_to.recipient": "address.name",
    "ship_to.last_name": "address.last_name",
    "ship_to.phone": "address.phone",
    "ship_to.email": "address.email",
    "ship_to.province": "address.province",
    "ship_to.city": "address.city",
    "ship_to.district": "address.country",
    "ship_to.town": "address.town",
    "ship_to.street1": "address.address_info",
    "ship_to.company": "address.company",
    "ship_to.postcode": "address.postcode",
}

# These two answer an anonymous caller with a key that no catalogue of the vendor holds.
_RAW_LOGIN_PATHS = ("/api/order/create", "/api/order/payment")
_CORS_METHODS = "GET, POST, OPTIONS"
# The original's, then what its mini-program sends with every call, then ours.
_CORS_HEADERS = (
    "Content-Type, Api, Accept, Authorization, Version, Admin, Token, Key, Site-Id, Sub-Site-Id, X-Pjax, "
    "X-Pjax-Container, X-Requested-With, Cart, Idempotency-Key"
)
_LOCAL_ORIGIN = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")


def is_english(call: Call) -> bool:
    """The language of `msg`: `lang` in the query, else the cookie of that name, else Accept-Language, else zh-CN."""
    asked = call.query.get("lang", "") if call.query_string else ""
    cookie = call.cookies.get("lang", "") if call.header("cookie") else ""
    chosen = asked or cookie or _preferred(call.header("accept-language"))
    return chosen.lower().startswith("en")


def _preferred(header: str) -> str:
    """The best of the two languages that an Accept-Language header asks for."""
    best, weight = "", 0.0
    for part in header.split(",")[:20]:
        name, _, parameters = part.strip().partition(";")
        name = name.strip().lower()
        if not name.startswith(("zh", "en")):
            continue
        q = parameters.strip().removeprefix("q=")
        try:
            given = float(q) if q else 1.0
        except ValueError:
            given = 0.0
        if given > weight:
            best, weight = name, given
    return best


def say(call: Call, key: str) -> str:
    """The sentence in the caller's language."""
    return TEXTS[key][is_english(call)]


def _bytes(members: Any) -> bytes:
    """JSON as the vendor writes it: no indentation, HTML-safe escapes, one newline behind."""
    text = encode(members)
    if _UNSAFE.search(text):
        for plain, escaped in _ESCAPES:
            text = text.replace(plain, escaped)
    return text + b"\n"


_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_UNSAFE = re.compile(b"|".join(plain for plain, _ in _ESCAPES))


def success(data: Any, msg: str | None = "", headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(200, _bytes({"code": OK, "msg": msg, "data": data}), headers, MEDIA_TYPE)


def done(msg: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The answer of an action that has no data."""
    return Answer(200, _bytes({"code": OK, "msg": msg}), headers, MEDIA_TYPE)


def listed(items: Any, total: int) -> Answer:
    members = {"code": OK, "msg": "", "total": total, "data": items}
    return Answer(200, _bytes(members), (), MEDIA_TYPE)


def failure(
    msg: str,
    code: int = FAILED,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    return Answer(status, _bytes({"code": code, "msg": msg}), headers, MEDIA_TYPE)


def turned_down(
    call: Call, key: str, cause: Fault | Rejected, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """A refusal with a sentence of its own, which says `key` rather than what `cause` is worded as elsewhere."""
    call.explain(cause)
    return failure(say(call, key), headers=headers)


def fault(call: Call, given: Fault) -> Answer:
    """Words for what goes wrong before a decision."""
    if given.kind is FaultKind.METHOD_NOT_ALLOWED and call.method == "OPTIONS":
        return Answer(204, b"", cors(call))
    status, code, key = FAULTS[given.kind]
    if given.kind is FaultKind.UNAUTHENTICATED and call.path.rstrip("/") in _RAW_LOGIN_PATHS:
        key = "PleaseLogin"
    retry = (("Retry-After", str(given.retry_after_s)),) if given.retry_after_s else ()
    text = say(call, key) if key else _decoder_text(call, given)
    return failure(text, code, status, (*retry, *cors(call)))


def _decoder_text(call: Call, given: Fault) -> str:
    if given.message in TEXTS:
        return say(call, given.message)
    if not call.body.strip() and call.method == "POST":
        return "EOF"
    return given.message or "invalid character"


def refusal(call: Call, rejected: Rejected) -> Answer:
    """Words for a refusal."""
    return failure(refusal_text(call, rejected), refusal_code(rejected))


def refusal_code(rejected: Rejected) -> int:
    return LOGIN if rejected.reason in _LOGIN_REASONS else FAILED


def refusal_text(call: Call, rejected: Rejected) -> str:
    key = REFUSALS[rejected.reason]
    if key == "PleaseLogin" and call.path.rstrip("/") not in _RAW_LOGIN_PATHS:
        key = "login_required"
    text = say(call, key)
    if "{column}" in text:
        column = spelled(FIELDS, rejected.field).rpartition(".")[2]
        return text.replace("{column}", column)
    return text


def cors(call: Call) -> tuple[tuple[str, str], ...]:
    """Browsers on the developer's own machine may call; nobody else's page may."""
    origin = call.header("origin")
    if not origin or not _LOCAL_ORIGIN.fullmatch(origin):
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", _CORS_METHODS),
        ("Access-Control-Allow-Headers", _CORS_HEADERS),
        ("Access-Control-Expose-Headers", "Content-Disposition,Update-Token"),
        ("Vary", "Origin"),
    )
