"""What a reseller looks up before he orders."""

import pytest

from orderhub.dialects.tours4fun import products
from tests.dialects.tours4fun.shop import DAY, SPECIAL, call, open_shop

TOUR = 102202692
TOURS = len(SPECIAL)  # one of them is not on sale, the demo's own is


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("products")) as opened:
        yield opened


async def data(hub, path, body):
    answer = await call(hub, path, body)
    assert answer["code"] == 0, answer
    return answer["data"]


async def test_several_products_come_by_id_without_the_unknown_ones(hub):
    shown = await data(hub, "/v2/product/detail", {"product_ids": [TOUR, "501", 1, 509]})
    assert list(shown) == [str(TOUR), "501"]
    assert shown["501"]["base"]["product_id"] == 501


async def test_the_form_names_every_field_with_its_kind(hub):
    shown = await data(hub, "/v2/product/detail", {"product_ids": 503})
    kinds = {name: field["type"] for name, field in shown["passengerForm"].items()}
    assert kinds == {"firstname_en": "text", "mobile": "phone", "dob": "date"}


async def test_a_field_is_shown_with_its_limits_and_choices(hub):
    form = (await data(hub, "/v2/product/detail", {"product_ids": [514]}))["passengerForm"]
    assert form["weight"] == {
        "name": "weight", "label": "Body Weight", "type": "number", "min": "5", "max": "40.5",
        "options": [], "placeholder": "kg",
    }  # fmt: skip
    assert form["gender"]["options"] == ["unknown", "male", "female"]
    assert form["meal"]["options"] == {"1": "Fish", "2": "None"}


async def test_a_product_shows_its_own_duration_and_limits_and_the_tenants_currency(hub):
    shown = (await data(hub, "/v2/product/detail", {"product_ids": [514]}))["base"]
    wanted = ("duration", "duration_type", "currency", "min_days_before_departure",
              "min_guest_number", "advertised_price")  # fmt: skip
    assert [shown[name] for name in wanted] == [11.5, "hour", "USD", 2, 3, 755]
    listed = (await data(hub, "/v2/product/list", {"keyword": "half a day"}))["products"]
    assert [(each["duration"], each["duration_type"]) for each in listed] == [("11.5", "hour")]


async def test_a_member_that_is_null_is_left_out(hub):
    shown = await data(hub, "/v2/product/detail", {"product_ids": [504]})
    (listed,) = (await data(hub, "/v2/product/list", {"keyword": "nulls"}))["products"]
    for each in (shown["base"], listed):
        named = [each[name] for name in ("product_id_old", "image_url", "sub_region_chinese_name")]
        assert (named, each["duration_type"]) == (["", "", ""], "day")
    assert shown["info"] == {}


async def test_a_size_that_is_not_sold_is_not_the_lowest_price(hub):
    shown = await data(hub, "/v2/product/detail", {"product_ids": [504]})
    assert shown["base"]["advertised_price"] == 755


async def test_a_day_may_have_a_price_to_show_and_a_least_party_of_its_own(hub):
    shown = await data(hub, "/v2/product/availabilities", {"product_id": 514})
    assert shown["price"]["single_pairup"] == "900.0000"
    assert shown["availabilities"][:2] == [
        {"date": "2019-01-04", "display_price": 325, "min_persons": 4},
        {"date": "2019-01-11", "display_price": 325, "min_persons": 4},
    ]


async def test_dates_begin_today_and_end_with_the_season(hub):
    await hub.freeze("tours", "2019-03-29T23:59:59+08:00")
    dates = (await data(hub, "/v2/product/availabilities", {"product_id": TOUR}))["availabilities"]
    assert [each["date"] for each in dates] == ["2019-03-29", "2019-03-30", "2019-03-31"]
    await hub.advance("tours", 1)
    dates = (await data(hub, "/v2/product/availabilities", {"product_id": TOUR}))["availabilities"]
    assert len(dates) == 2
    await hub.freeze("tours", "2019-01-02T10:00:00+08:00")


async def test_dates_keep_the_days_a_product_must_be_booked_ahead(hub):
    await hub.adjust("tours", "seats", "product:506", "2019-02-01", 1)
    dates = (await data(hub, "/v2/product/availabilities", {"product_id": 506}))["availabilities"]
    assert [each["date"] for each in dates] == ["2019-02-01"]


async def test_a_day_without_seats_is_not_listed_and_a_product_without_any_is_sold_out(hub):
    path, asked = "/v2/product/availabilities", {"product_id": 504}
    assert [each["date"] for each in (await data(hub, path, asked))["availabilities"]] == [DAY]
    await hub.adjust("tours", "seats", "product:504", DAY, -3)
    assert (await data(hub, path, asked))["availabilities"] == []
    shown = await data(hub, "/v2/product/detail", {"product_ids": [504, 503]})
    assert [each["base"]["stock_status"] for each in shown.values()] == [0, 1]


async def test_a_day_with_seats_is_listed_however_many_without_any_come_before(hub):
    path, asked = "/v2/product/availabilities", {"product_id": 515}
    await hub.adjust("tours", "seats", "product:515", "2028-02-29", 2)
    dates = (await data(hub, path, asked))["availabilities"]
    assert [each["date"] for each in dates] == [DAY, "2028-02-29"]
    await hub.adjust("tours", "seats", "product:515", DAY, -3)
    shown = await data(hub, "/v2/product/detail", {"product_ids": [515]})
    assert shown["base"]["stock_status"] == 1


async def test_a_day_without_rooms_is_not_listed_where_rooms_are_counted(hub):
    path, asked = "/v2/product/availabilities", {"product_id": 501}
    assert [each["date"] for each in (await data(hub, path, asked))["availabilities"]] == [DAY]
    await hub.adjust("tours", "rooms", "product:501", DAY, -1)
    assert (await data(hub, path, asked))["availabilities"] == []


async def test_a_line_sold_by_persons_shows_plain_numbers(hub):
    shown = await data(hub, "/v2/product/availabilities", {"product_id": 507})
    assert shown["price"] == {"adult": 80, "kid": 59}
    assert shown["availabilities"][0]["display_price"] == "80.00"


async def test_upgrades_are_shown_in_dollars_unless_asked_otherwise(hub):
    body = {"product_id": 510, "departure_date": "2019-01-16"}
    groups = await data(hub, "/v2/product/upgrades", body)
    assert groups[0]["currency"] == "USD"
    # 20 EUR at 0.8588 a dollar
    assert groups[0]["options"][1]["value"] == [{"name": "prefix", "price": 23.2883}]


async def test_upgrades_say_how_many_must_be_chosen_and_what_each_room_pays(hub):
    body = {"product_id": 511, "departure_date": DAY, "currency": "eur"}
    pickup, hotel = await data(hub, "/v2/product/upgrades", body)
    assert (pickup["can_multi_select"], pickup["required"], pickup["sub_name"]) == (
        0,
        1,
        "at night",
    )
    assert (hotel["can_multi_select"], hotel["required"]) == (1, 0)
    assert [each["is_per_order"] for each in pickup["options"] + hotel["options"]] == [0, 1, 0, 1]
    assert pickup["options"][1]["value"] == [{"name": "prefix", "price": 33.3333}]
    assert hotel["options"][0]["value"] == [
        {"name": "single", "price": 40},
        {"name": "double", "price": 30.5},
        {"name": "triple", "price": 0},
        {"name": "quad", "price": 0},
        {"name": "kid", "price": 7},
    ]


@pytest.mark.parametrize(
    ("bought", "price"), [("2018-02-01", 424.0145), ("2018-02-02", 410.137), (None, 447.2715)]
)
async def test_upgrades_are_converted_by_the_rates_of_the_purchase(hub, bought, price):
    body = {"product_id": 514, "departure_date": "2019-01-04", "currency": "CNY"}
    (group,) = await data(hub, "/v2/product/upgrades", {**body, "purchase_date": bought})
    assert group["options"][0]["value"] == [{"name": "prefix", "price": price}]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"product_line": "ttd"}, 1),
        ({"product_line": "ticket"}, 1),
        ({"region": "oceania"}, 1),
        ({"region": "澳大利亚"}, 1),
        ({"keyword": "DOLPHIN"}, 1),
        ({"keyword": "dolphin", "region": "us"}, 0),
        ({"product_line": "tour"}, TOURS),
        ({"region": "east", "product_line": "tour"}, TOURS),
    ],
)
async def test_products_are_found_by_line_region_and_keyword(hub, wanted, count):
    shown = await data(hub, "/v2/product/list", {**wanted, "page_size": 4})
    assert shown["count"] == str(count)
    assert len(shown["products"]) == min(count, 4)


async def test_more_tours_than_one_look_finds_are_all_found(hub, monkeypatch):
    monkeypatch.setattr(products, "_SCANNED", 3)
    shown = await data(hub, "/v2/product/list", {"product_line": "tour"})
    assert (shown["count"], len(shown["products"])) == (str(TOURS), TOURS)


async def test_a_later_page_goes_on_where_the_first_ended(hub):
    ids = []
    for page in (1, 2, 3, 4):
        body = {"product_line": "tour", "page": page, "page_size": 4}
        ids += [
            each["product_id"] for each in (await data(hub, "/v2/product/list", body))["products"]
        ]
    assert len(ids) == len(set(ids)) == TOURS


async def test_rates_are_those_of_the_day(hub):
    assert (await data(hub, "/ttd/rate", {}))["EUR"] == 0.8588
    assert (await data(hub, "/ttd/rate", {"date": "2018-01-15"}))["CNY"] == 6.5233
    assert await data(hub, "/ttd/rate", {"date": "2017-01-15 00:00:00"}) == {"USD": 1}
