"""Orders of any door, as this vendor's calls show them. Pure: no hub, no look-ups."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.details import BasketDetails, ChargeDetails
from orderhub.core.money import ZERO
from orderhub.core.ordering import untaxed_line
from orderhub.core.values import Address, Contact, LineKind, Order, Settings, Status
from orderhub.dialects.codec import encode
from orderhub.dialects.tours4fun.show import in_full, listed
from orderhub.dialects.tours4fun.words import ORDER_STATUSES
from tests.support.documents import RECORDED, doc

SETTINGS = Settings(name="x", utc_offset_minutes=480)


def order(**changes):
    members = {
        "tenant_id": 1, "id": 7, "uid": "u", "channel": "elsewhere", "number": "7", "placed_by": "c",
        "status": Status.PAID, "currency": "EUR", "net": D(20), "tax": ZERO, "total": D(20),
        "occurred_at": 0, "updated_at": 0, "recorded_at": 0, "doc": doc(),
        "lines": (
            untaxed_line(1, LineKind.GOOD, "Mug", 2, D(5), product_id=900, sku="MUG"),
            untaxed_line(2, LineKind.FREIGHT, "Freight", 1, D(10)),
        ),
        **changes,
    }  # fmt: skip
    return Order(**members)


def test_goods_are_tickets_to_a_reseller_of_tours_and_the_amounts_add_up():
    shown = in_full(order(), SETTINGS)
    assert shown["price"] == 20
    products = shown["product_list"]
    assert [each["product_id"] for each in products] == [900, 0]
    assert [each["product_line"] for each in products] == ["ticket", "ticket"]
    assert sum(each["price_info"]["total_retail"] for each in products) == shown["price"]
    assert products[0]["departure_date"] == "1970-01-01"
    assert shown["created_at"] == "1970-01-01 08:00:00"
    assert (products[0]["guest"], products[0]["upgrades"], products[0]["contact"]) == ([], [], [])


def test_a_list_shows_the_orders_own_currency_and_an_empty_contact():
    shown = listed(order(), SETTINGS)
    assert (shown["currency"], shown["price"]) == ("EUR", 20)
    assert shown["product_list"][0]["contact"] == {}
    assert "departure_address" not in shown["product_list"][0]


def test_whoever_gets_the_parcel_is_the_contact():
    sent = doc(ship_to=Address(recipient="Ann", last_name="Lee", phone="1", street1="Main 1"))
    shown = in_full(order(doc=sent), SETTINGS)["product_list"][0]
    assert shown["contact"] == [
        {"firstname": "Ann", "lastname": "Lee", "telephone": "1", "email": ""}
    ]
    assert shown["departure_address"] == "Main 1"
    known = in_full(order(doc=doc(contact=Contact(first_name="Bo"))), SETTINGS)
    assert known["product_list"][0]["contact"][0]["firstname"] == "Bo"


AMOUNTS = st.decimals(D(-999999999999), D(999999999999), places=6)
TIMES = st.integers(-(10**15), 10**17)
LINES = st.builds(
    untaxed_line,
    line_no=st.just(1),
    kind=st.sampled_from(LineKind),
    title=st.text(max_size=5),
    quantity=st.integers(0, 9),
    unit=AMOUNTS,
    amount=AMOUNTS,
    cancelled=st.booleans(),
)


@given(
    status=st.sampled_from(Status),
    total=AMOUNTS,
    occurred_at=TIMES,
    service_at=TIMES,
    lines=st.lists(LINES, max_size=3).map(tuple),
    business=st.sampled_from((RECORDED, BasketDetails(user_id=7), ChargeDetails("company"))),
)
def test_any_order_can_be_shown(business, **members):
    given_order = order(doc=doc(business, settlement={"net": "?"}), **members)
    shown = in_full(given_order, SETTINGS)
    assert ORDER_STATUSES[shown["order_status"]] is members["status"]
    assert encode(shown)
    assert encode(listed(given_order, SETTINGS))
