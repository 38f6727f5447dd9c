"""Programs reckon in doubles: a sum or a product of amounts has noise behind the point, and no door refuses it."""

import itertools
import json
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.test_every_pair_of_doors import HUB, MEWS, PLACE
from tests.support.calls import calling, copied
from tests.support.examples import examples
from tests.support.hub import seed_demo

REFERENCES = itertools.count(1)
CENTS = st.integers(1, 50_000).map(lambda cents: cents / 100)
FACTORS = st.sampled_from((0.1, 1.1, 1.05, 1.07, 1.19, 1.2, 0.85, 1 / 3, 3.0))
NOISY = st.one_of(
    st.lists(CENTS, min_size=2, max_size=6).map(sum),
    st.tuples(CENTS, FACTORS).map(lambda pair: pair[0] * pair[1]),
    st.tuples(CENTS, CENTS, FACTORS).map(lambda each: (each[0] + each[1]) * each[2]),
    st.sampled_from((0.1 + 0.2, 3 * 1.1, 1e-7, 1.1 * 1.1 * 1.1, 4.35 * 100)),
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    where = tmp_path_factory.mktemp("noise")
    seed_demo(f"sqlite:///{where / 'demo.sqlite'}")
    with calling(copied(where / "demo.sqlite", where / "hub")) as caller:
        yield caller


def done(hub, path, body, method="POST"):
    reply = hub.send(method, path, None, {**HUB, "content-type": "application/json"}, encoded(body))
    assert reply.status in {200, 201}, (body, reply)
    return reply.json()


def encoded(body):
    return json.dumps(body).encode()  # a double is written with all its digits


def millionths(amount):
    return Decimal(repr(amount)).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def newest(hub):
    (order, *_) = done(hub, "/hub/v1/orders?tenant=omni&limit=1", None, "GET")["items"]
    return order


@examples(60)
@given(NOISY, st.sampled_from(("NetValue", "GrossValue")))
def test_mews_charges_it(hub, amount, side):
    path, order = PLACE["mews"]
    price = {"Currency": "USD", side: amount, "TaxCodes": []}
    items = [{"Name": "Tea", "UnitCount": 3, "UnitAmount": price}]
    placed = {**order, "Items": items}
    del placed["ProductOrders"]
    uid = done(hub, path, placed)["OrderId"]
    query = {**MEWS, "Limitation": {"Count": 1}, "ServiceOrderIds": [uid]}
    (item,) = done(hub, "/api/connector/v1/orderItems/getAll", query)["OrderItems"]
    shown = Decimal(str(item["UnitAmount"]["NetValue"]))
    assert shown == millionths(amount)
    paid = {**MEWS, "AccountId": order["AccountId"], "Amount": {**price, "NetValue": amount}}
    done(hub, "/api/connector/v1/payments/addExternal", {**paid, "Type": "Cash"})


@examples(60)
@given(NOISY, NOISY)
def test_sitecore_cdp_records_it(hub, amount, quantity):
    path, order = PLACE["sitecore_cdp"]
    placed = done(hub, path, {**order, "price": amount, "referenceId": f"N-{next(REFERENCES)}"})
    assert Decimal(str(placed["price"])) == millionths(amount)
    item = {"price": -amount, "originalPrice": amount, "quantity": quantity}
    items = f"/v2.1/orders/{placed['ref']}/orderItems"
    added = done(hub, items, item)
    assert Decimal(str(added["price"])) == -millionths(amount)
    assert (added["originalPrice"], added["quantity"]) == (amount, quantity)
    changed = done(hub, f"/v2.1/orders/{placed['ref']}", {"price": amount + amount}, "PATCH")
    assert Decimal(str(changed["price"])) == millionths(amount + amount)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        # Java's new BigDecimal(19.99)
        ("19.989999999999998436805981327779591083526611328125", "19.99"),
        ("-0.1000000000000000055511151231257827021181583404541015625", "-0.1"),
        (f"999999999999.4{'9' * 200}", "999999999999.5"),
        ("1e-50", "0"),
    ],
)
def test_sitecore_cdp_records_an_amount_of_any_digits_behind_the_point(hub, written, kept):
    path, order = PLACE["sitecore_cdp"]
    reference = f"N-{next(REFERENCES)}"

    def sent(method, path, body):
        text = encoded({**body, "price": 0}).replace(b'"price": 0', f'"price": {written}'.encode())
        headers = {**HUB, "content-type": "application/json"}
        shown = hub.send(method, path, None, headers, text)
        assert shown.status in {200, 201}, shown
        assert Decimal(str(shown.json()["price"])) == Decimal(kept)
        return shown.json()["ref"]

    ref = sent("POST", path, {**order, "referenceId": reference})
    sent("PATCH", f"/v2.1/orders/{ref}", {})
    item = sent("POST", f"/v2.1/orders/{ref}/orderItems", {})
    sent("PUT", f"/v2.1/orderItems/{item}", {})


@pytest.mark.parametrize("door", ["anqicms", "kakaclo", "mews"])
@examples(25)
@given(price=NOISY)
def test_a_product_whose_price_has_noise_is_sold(hub, door, price):
    item = "/hub/v1/tenants/omni/catalogue/products/910"
    doc = done(hub, item, None, "GET")["doc"]
    kept = done(hub, item, {"doc": {**doc, "price": price}}, "PUT")
    assert Decimal(kept["doc"]["price"]) == millionths(price)
    done(hub, *PLACE[door])
    if door == "mews":
        total = (millionths(price) * 4).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(newest(hub)["total"]) == total


@examples(25)
@given(price=NOISY, rate=NOISY)
def test_a_tour_whose_price_has_noise_is_sold(hub, price, rate):
    item = "/hub/v1/tenants/omni/catalogue/tours/102202692"
    doc = done(hub, item, None, "GET")["doc"]
    done(hub, item, {"doc": {**doc, "prices": {**doc["prices"], "double": price}}}, "PUT")
    done(hub, *PLACE["tours4fun"])


@examples(40)
@given(NOISY.filter(lambda amount: 0.005 <= amount < 900))
def test_the_hub_refunds_it_in_cents(hub, amount):
    path, order = PLACE["sitecore_cdp"]
    body = {**order, "price": 1000, "referenceId": f"N-{next(REFERENCES)}"}
    uid = done(hub, path, body)["ref"]
    done(hub, f"/hub/v1/orders/{uid}/pay", {})
    refunded = done(hub, f"/hub/v1/orders/{uid}/refund", {"amount": amount})["refunded"]
    cents = millionths(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert Decimal(refunded) == cents


@examples(40)
@given(NOISY.filter(lambda amount: amount > 1e-6))
def test_the_hub_books_it_in_a_money_pool(hub, amount):
    pool = {"kind": "balance", "subject": "USD", "reason": "noise"}
    path = "/hub/v1/tenants/omni/pools/adjust"
    counted = done(hub, path, {**pool, "count": f"{amount:.20f}"})
    assert millionths(float(f"{amount:.20f}")) == Decimal(counted["available"])
