"""What an order of one door says is said again at the next of the same kind, or where people read it."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from orderhub.core.details import ChargeDetails
from orderhub.core.values import LineKind, Status, TaxPart
from orderhub.dialects.client import Ask, Placed, Send
from tests.support.clients import (
    ACCOUNT,
    ANN,
    HOME,
    PRODUCT,
    SERVICE,
    answer,
    client_of,
    job,
    line,
    link_of,
    order,
    why_not,
)
from tests.support.documents import doc


def sent(name: str, wanted: Any, **options: str) -> Any:
    """The body that is sent, which the vendor documents."""
    step = client_of(name).place(link_of(name, **options), wanted, ())
    assert isinstance(step, Send)
    assert why_not(name, step) == []
    return step.request.body


# --- what a buyer wrote for a line

WRITTEN = {"departure_date": "2026-05-01", "engraving": "For Anna", "gift": {"wrapped": True}}
ENGRAVED = order(lines=(line(1, data={"order_extra": WRITTEN}), line(2, "Hood")))
IN_WORDS = 'Mug: departure_date 2026-05-01, engraving For Anna, gift {"wrapped":true}'


def test_what_a_buyer_wrote_for_an_article_is_said_to_the_next_shop() -> None:
    first, second = sent("anqicms", job({1: "188", 2: "189:3"}, ENGRAVED))["details"]
    assert first["order_extra"] == WRITTEN
    assert "order_extra" not in second


@pytest.mark.parametrize(("name", "member"), [("kakaclo", "remark"), ("mews", "Notes")])
def test_where_there_is_no_place_for_it_people_read_it(name: str, member: str) -> None:
    notes = sent(name, job({1: "S", 2: "T"}, ENGRAVED))[member].splitlines()
    assert notes[:2] == ["Leave at the door", IN_WORDS]
    plain = sent(name, job({1: "S", 2: "T"}, order(lines=(line(1), line(2)))))[member]
    assert "Mug" not in plain


def test_in_a_customers_history_it_describes_the_item() -> None:
    first, second = (each.request.body for each in finishing(job({}, ENGRAVED))[:2])
    assert first["description"] == IN_WORDS.removeprefix("Mug: ")
    assert "description" not in second


# --- a charge

OTHER_ID = "90eff5aa-36b4-4689-80c0-ab3a00bb412e"
BEER = line(
    1,
    "Beer",
    kind=LineKind.CUSTOM_ITEM,
    taxes=(TaxPart(code="US-DC-G", base=D(10), amount=D("0.60")),),
    data={"category": OTHER_ID, "external": "E1", "stated_category": {"Code": "B", "Name": "Bar"}},
)
WINE = line(2, "Wine", kind=LineKind.CUSTOM_ITEM)
SPA = line(3, "Spa", kind=LineKind.SERVICE_PRODUCT, data={"start": 0, "end": 3_600_000_000})
CHARGED = order(
    channel="mews",
    lines=(replace(BEER, product_id=0), replace(WINE, product_id=0), SPA),
    account=ACCOUNT,
    service=SERVICE,
    bill=OTHER_ID,
    doc=doc(
        ChargeDetails(account_kind="customer", segment=PRODUCT, reservation=OTHER_ID),
        vendor={"disable_item_grouping": False},
    ),
)


def test_a_charge_keeps_its_taxes_its_category_and_its_bill() -> None:
    body = sent("mews", job({3: PRODUCT}, CHARGED), tax_codes="US-MA-S", bill_id=SERVICE)
    beer, wine = body["Items"]
    assert beer["UnitAmount"]["TaxCodes"] == ["US-DC-G"]
    assert (beer["AccountingCategoryId"], beer["ExternalIdentifier"]) == (OTHER_ID, "E1")
    assert beer["Category"] == {"Code": "B", "Name": "Bar"}
    assert wine["UnitAmount"]["TaxCodes"] == []  # what is not taxed stays so
    assert "AccountingCategoryId" not in wine
    (spa,) = body["ProductOrders"]
    assert (spa["StartUtc"], spa["EndUtc"]) == ("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z")
    assert (body["BillId"], body["BusinessSegmentId"]) == (OTHER_ID, PRODUCT)
    assert body["LinkedReservationId"] == OTHER_ID
    assert body["Options"] == {"DisableItemGrouping": False}


def test_what_a_listing_says_of_a_charge_counts_before_what_the_charge_says() -> None:
    said = {"tax_codes": ["US-MA-S"], "accounting_category_id": SERVICE}
    body = sent("mews", job({1: "item", 3: PRODUCT}, CHARGED, data=said))
    assert body["Items"][0]["UnitAmount"]["TaxCodes"] == ["US-MA-S"]
    assert body["Items"][0]["AccountingCategoryId"] == SERVICE


def test_another_doors_order_has_no_ids_of_the_property() -> None:
    sold = replace(CHARGED, channel="anqicms", bill=OTHER_ID)
    body = sent("mews", job({3: PRODUCT}, sold), tax_codes="US-MA-S")
    assert body["Items"][1]["UnitAmount"]["TaxCodes"] == ["US-MA-S"]
    assert body.keys().isdisjoint({"BillId", "BusinessSegmentId", "LinkedReservationId"})
    assert "AccountingCategoryId" not in body["Items"][0]


# --- a recorded sale

MR_B = {"title": "Mr", "firstName": "A", "lastName": "B", "emails": ["a@b.example"]}
SHIRT = line(
    1,
    "Shirt",
    kind=LineKind.RECORDED_ITEM,
    sku="P1",
    data={
        "type": "CLOTHES",
        "referenceId": "I1",
        "originalPrice": D(25),
        "language": "EN",
        "stated_quantity": D("1.5"),
        "created_at": 1,
        "modified_at": 1,
    },
)
SHIRTS = (SHIRT, replace(SHIRT, line_no=2, data={"referenceId": "I1"}))
RECORDED = order(
    channel="sitecore_cdp",
    reference="B94TXY",
    vendor_status="PURCHASED",
    lines=SHIRTS[:1],
    doc=doc(
        vendor={
            "paymentType": "Card",
            "cardType": "Visa",
            "pointOfSale": "home",
            "channel": "WEB",
            "sitecore_cdp": {
                "contacts": {
                    "4002": {"guest": "g", "created_at": 2, "modified_at": 2, "members": {"email": "c@d.example"}},
                    "4001": {"guest": "g", "created_at": 1, "modified_at": 1, "members": MR_B},
                }
            },
        }
    ),
)  # fmt: skip


def finishing(wanted: Any, *more: Any) -> list[Ask | Send]:
    """The calls behind the order itself, answered one by one; nothing of it is there at first."""
    client, link, there = client_of("sitecore_cdp"), link_of("sitecore_cdp"), Placed(ACCOUNT)
    steps: list[Ask | Send] = []
    answers: tuple[Any, ...] = ()
    said = {"items": [], "contacts": {"items": list(more)}}
    while isinstance(step := client.finish(link, wanted, there, answers), Ask | Send):
        assert why_not("sitecore_cdp", step) == []
        steps.append(step)
        answers = (*answers, answer(201 if isinstance(step, Send) else 200, said))
    assert step == there
    return [each for each in steps if isinstance(each, Send)]


def test_a_recorded_sale_is_recorded_again_as_it_was_stated() -> None:
    body = sent("sitecore_cdp", job({}, RECORDED))
    assert {name: body[name] for name in ("paymentType", "cardType", "pointOfSale", "channel")} == {
        "paymentType": "Card",
        "cardType": "Visa",
        "pointOfSale": "home",
        "channel": "WEB",
    }
    by_option = sent("sitecore_cdp", job({}, RECORDED), point_of_sale="till", channel="BRANCH")
    assert (by_option["pointOfSale"], by_option["channel"]) == ("till", "BRANCH")
    silent = sent(
        "sitecore_cdp", job({}, replace(RECORDED, vendor_status="", status=Status.PENDING))
    )
    assert "status" not in silent
    item, first, second = (each.request.body for each in finishing(job({}, RECORDED)))
    assert item == {
        "name": "Shirt",
        "type": "CLOTHES",
        "productId": "P1",
        "price": D("12.50"),
        "quantity": D("1.5"),
        "currencyCode": "USD",
        "originalPrice": D(25),
        "language": "EN",
        "referenceId": "I1",
    }
    assert (first, second) == (MR_B, {"email": "c@d.example"})


def test_contacts_that_are_there_are_not_told_again() -> None:
    steps = finishing(job({}, RECORDED), {"ref": "one"})
    assert [each.request.body for each in steps][1:] == [{"email": "c@d.example"}]


def test_items_that_were_given_one_name_are_told_apart() -> None:
    both = replace(RECORDED, lines=SHIRTS)
    names = [each.request.body["referenceId"] for each in finishing(job({}, both))[:2]]
    assert names == ["B94TXY-1", "B94TXY-2"]


def test_a_sale_of_another_door_is_recorded_with_whom_it_is_for() -> None:
    sold = order(lines=(line(1),), doc=doc(contact=ANN, ship_to=HOME))
    item, contact = (each.request.body for each in finishing(job({}, sold)))
    assert (item["type"], item["referenceId"]) == ("GOOD", f"{sold.number}-1")
    assert (contact["firstName"], contact["city"]) == ("Ann", "Springfield")
