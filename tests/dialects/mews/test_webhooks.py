"""What happens in the hotel, as the vendor's general webhooks tell it."""

import json

import msgspec
import pytest

from orderhub.core.feed import FedEvent
from orderhub.core.webhook_formats import Told
from orderhub.core.webhooks import Webhook
from orderhub.delivery.feed import END, Feed
from orderhub.dialects.mews import DIALECT
from orderhub.dialects.mews.webhooks import WebhookOptions
from tests.dialects.mews.hotel import ACCOUNT, BILL, ENTERPRISE, hotel

INTEGRATION = "c8bee838-7fb1-4f4e-8fac-ac87008b2f90"
OPTIONS = {"EnterpriseId": ENTERPRISE, "IntegrationId": INTEGRATION}
WEBHOOK = Webhook(url="https://pos.example/hook?token=x", format="mews", options=OPTIONS)
FORM = DIALECT.webhooks


def event(event_kind, number=1, *, order="", **data):
    return FedEvent(
        tenant_id=1,
        id=f"evt_{number}",
        kind=event_kind,
        occurred_at=1,
        recorded_at=1,
        actor="",
        request_id="",
        data=data,
        order_uid=order,
    )


def message(*events):
    return FORM.message(WEBHOOK, [Told(each, None) for each in events])


def told(*events):
    """Discriminators with ids, of the one message that tells these events."""
    made = message(*events)
    if made is None:
        return None
    body = json.loads(made.body)
    assert [*body] == ["EnterpriseId", "IntegrationId", "Events"]
    assert (body["EnterpriseId"], body["IntegrationId"]) == (ENTERPRISE, INTEGRATION)
    assert all([*each] == ["Discriminator", "Value"] for each in body["Events"])
    return [(each["Discriminator"], each["Value"]["Id"]) for each in body["Events"]]


ADDED, UPDATED = "CustomerAdded", "CustomerUpdated"
ORDERED, PAID = "ServiceOrderUpdated", "PaymentUpdated"


async def test_what_happens_is_told_by_the_vendors_names(tmp_path):
    async with hotel(tmp_path) as client:
        feed = Feed(client.hub.hub.port.ledger)
        tenant = await client.hub.hub.port.read(lambda reads: reads.tenant("hotel"))
        cursor = feed.end(tenant.id)

        async def news(operation, body):
            nonlocal cursor
            answer = await client.made(operation, body)
            page = feed.read(tenant.id, cursor)
            cursor = page.next_cursor
            return answer, told(*[each.event for each in page.items])

        guest = {"FirstName": "Ada", "LastName": "Byron", "Email": "ada@guests.example"}
        guest["OverwriteExisting"] = False
        made, tells = await news("customers/add", guest)
        assert tells == [(ADDED, made["Id"]), (UPDATED, made["Id"])]
        again, tells = await news("customers/add", {**guest, "OverwriteExisting": True})
        assert again["Id"] == made["Id"]
        assert tells == [(UPDATED, made["Id"])]
        _, tells = await news("companies/add", {"Name": "ACME"})
        assert tells is None
        uid = await client.order()
        (item, *_), tells = (await client.items(ServiceOrderIds=[uid])), None
        page = feed.read(tenant.id, cursor)
        cursor = page.next_cursor
        assert told(*[each.event for each in page.items]) == [(ORDERED, uid)]
        _, tells = await news("orderItems/cancel", {"OrderItemIds": [item["Id"]]})
        assert tells == [(ORDERED, uid)]
        payment = {
            "AccountId": ACCOUNT,
            "BillId": BILL,
            "Amount": {"Currency": "USD", "GrossValue": 1},
        }
        paid, tells = await news("payments/addExternal", payment)
        assert tells == [(PAID, paid["ExternalPaymentId"])]
        # An invoice leaves what is still owed as a payment.
        _, tells = await news("bills/close", {"BillId": BILL, "Type": "Invoice"})
        found = await client.made(
            "payments/getAll", {"BillIds": [BILL], "Limitation": {"Count": 9}}
        )
        (invoice,) = [each["Id"] for each in found["Payments"] if each["Type"] == "InvoicePayment"]
        assert tells == [(PAID, invoice)]
        assert feed.read(tenant.id, END).items == ()


def test_nothing_of_a_person_is_in_the_feed_or_in_a_message():
    one = event("account.added", account=ACCOUNT, kind="customer")
    assert [*one.data] == ["account", "kind"]
    assert told(one) == [(ADDED, ACCOUNT), (UPDATED, ACCOUNT)]


def test_a_message_names_a_thing_once_however_often_it_changed():
    events = [event("order.placed", 1, order="a"), event("order.paid", 2, order="a")]
    events.append(event("order.placed", 3, order="b"))
    assert told(*events) == [(ORDERED, "a"), (ORDERED, "b")]


@pytest.mark.parametrize("kind", ["pool.low", "webhook.off", "webhook.test"])
def test_what_the_vendor_has_no_event_for_is_not_told(kind):
    assert message(event(kind)) is None
    assert told(event(kind), event("order.paid", 2, order="a")) == [(ORDERED, "a")]


def test_a_message_has_one_id_whenever_it_is_sent_again():
    one, two = event("order.paid", 1, order="a"), event("order.paid", 2, order="b")
    assert message(one).id == "evt_1"
    assert message(one, two).id == message(one, two).id
    assert message(one, two).id != message(two, one).id


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"EnterpriseId": ENTERPRISE},
        {"EnterpriseId": ENTERPRISE, "IntegrationId": "mine"},
        {**OPTIONS, "enterprise": ENTERPRISE},
    ],
)
def test_options_are_two_ids(options):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, WebhookOptions)
    msgspec.convert(OPTIONS, WebhookOptions)


def test_the_vendors_terms_are_kept():
    terms = FORM.terms
    assert (terms.timeout_s, terms.follows, terms.drops) == (5.0, {307, 308}, True)
    assert not terms.is_signed
    assert min(terms.retries_s) >= 60
