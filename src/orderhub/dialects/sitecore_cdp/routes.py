"""The operations at the vendor's own paths."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Media, Route
from orderhub.dialects.describing import members
from orderhub.dialects.members import schema_of
from orderhub.dialects.sitecore_cdp import batches, extensions, guests, items, orders, people, wire
from orderhub.dialects.sitecore_cdp.batch_file import MAX_PACKED_BYTES
from orderhub.dialects.sitecore_cdp.pairs import schema_of_pairs
from orderhub.dialects.sitecore_cdp.refs import UUID
from orderhub.dialects.sitecore_cdp.repeats import replayable

_ERRORS = {400: wire.Error, 401: wire.Unauthorized, 404: wire.Error}
# The same for PATCH: everything may be left out.
_ORDER_CHANGE = schema_of(wire.OrderRequest, partial=True)
_ITEM_CHANGE = schema_of(wire.OrderItemRequest, partial=True)
_GUEST_CHANGE = schema_of(wire.GuestRequest, partial=True)

_ORDERS = (
    Route(
        "POST",
        "/v2.1/orders",
        orders.create_order,
        "Create an order",
        wire.OrderRequest,
        {201: wire.Order, 400: wire.Error, 401: wire.Unauthorized, 409: wire.Error},
        mutates=True,
        query=wire.CreateQuery,
    ),
    Route(
        "GET",
        "/v2.1/orders",
        orders.find_orders,
        "Find orders by referenceId or guestRef",
        answers={200: wire.Collection, **_ERRORS},
        query=wire.FindOrders,
    ),
    Route(
        "GET",
        "/v2.1/orders/{ref}",
        orders.get_order,
        "Retrieve an order",
        answers={200: wire.Order, **_ERRORS},
        query=wire.Expand,
    ),
    Route(
        "PATCH",
        "/v2.1/orders/{ref}",
        replayable(orders.patch_order),
        "Partially update an order",
        _ORDER_CHANGE,
        {200: wire.Order, **_ERRORS},
        mutates=True,
    ),
    Route(
        "PUT",
        "/v2.1/orders/{ref}",
        replayable(orders.put_order),
        "Update an order",
        wire.OrderRequest,
        {200: wire.Order, **_ERRORS},
        mutates=True,
    ),
    Route(
        "DELETE",
        "/v2.1/orders/{ref}",
        replayable(orders.delete_order),
        "Delete an order",
        answers={204: None, **_ERRORS},
        mutates=True,
    ),
)
_ITEMS = (
    Route(
        "POST",
        "/v2.1/orders/{ref}/orderItems",
        replayable(items.create_item),
        "Add an order item",
        wire.OrderItemRequest,
        {201: wire.OrderItem, **_ERRORS},
        mutates=True,
    ),
    Route(
        "GET",
        "/v2.1/orders/{ref}/orderItems",
        items.list_items,
        "List the items of an order",
        answers={200: wire.Collection, **_ERRORS},
        query=wire.ByCreated,
    ),
    Route(
        "GET",
        "/v2.1/orderItems/{ref}",
        items.get_item,
        "Retrieve an order item",
        answers={200: wire.OrderItem, **_ERRORS},
    ),
    Route(
        "PATCH",
        "/v2.1/orderItems/{ref}",
        replayable(items.patch_item),
        "Partially update an order item",
        _ITEM_CHANGE,
        {200: wire.OrderItem, **_ERRORS},
        mutates=True,
    ),
    Route(
        "PUT",
        "/v2.1/orderItems/{ref}",
        replayable(items.put_item),
        "Update an order item",
        wire.OrderItemRequest,
        {200: wire.OrderItem, **_ERRORS},
        mutates=True,
    ),
    Route(
        "DELETE",
        "/v2.1/orderItems/{ref}",
        replayable(items.delete_item),
        "Remove an order item",
        answers={204: None, **_ERRORS},
        mutates=True,
    ),
)


def _people(role: people.Role, one: str, path: str, shown: Any) -> tuple[Route, ...]:
    of_order = f"/v2.1/orders/{{ref}}/{role.part}"
    by_ref = f"/v2.1/{path}/{{ref}}"
    return (
        Route(
            "POST",
            of_order,
            people.create(role),
            f"Add an order {one}",
            role.model,
            {201: shown, **_ERRORS},
            mutates=True,
        ),
        Route(
            "GET",
            of_order,
            people.list_all(role),
            f"List the {role.part} of an order",
            answers={200: wire.Collection, **_ERRORS},
            query=wire.ByCreated,
        ),
        Route(
            "GET",
            by_ref,
            people.read_one(role),
            f"Retrieve an order {one}",
            answers={200: shown, **_ERRORS},
        ),
        Route(
            "PATCH",
            by_ref,
            people.update(role, partial=True),
            f"Partially update an order {one}",
            role.model,
            {200: shown, **_ERRORS},
            mutates=True,
        ),
        Route(
            "PUT",
            by_ref,
            people.update(role, partial=False),
            f"Update an order {one}",
            role.model,
            {200: shown, **_ERRORS},
            mutates=True,
        ),
        Route(
            "DELETE",
            by_ref,
            people.remove(role),
            f"Remove an order {one}",
            answers={204: None, **_ERRORS},
            mutates=True,
        ),
    )


_PEOPLE = (
    *_people(people.CONTACT, "contact", "orderContacts", wire.Contact),
    *_people(people.CONSUMER, "consumer", "orderConsumers", wire.Consumer),
)


def _extensions(path: str, what: str, *, on_item: bool) -> tuple[Route, ...]:
    path = f"{path}/extensions/{{name}}"
    shown = {"type": "object"}
    errors = {**_ERRORS, 409: wire.Error}
    return (
        Route(
            "GET",
            path,
            extensions.read(on_item=on_item),
            f"Retrieve the data extension of an {what}",
            answers={200: shown, **errors},
            params=wire.ExtensionPath,
        ),
        Route(
            "DELETE",
            f"{path}/fields",
            extensions.delete_fields(on_item=on_item),
            f"Delete fields of the data extension of an {what}",
            answers={200: shown, **errors},
            mutates=True,
            params=wire.ExtensionPath,
            query=wire.Fields,
        ),
        *(
            Route(
                method,
                path,
                extensions.write(method, on_item=on_item),
                f"{verb} the data extension of an {what}",
                request,
                {**answer, **errors},
                mutates=True,
                params=wire.ExtensionPath,
            )
            for method, verb, request, answer in (
                ("POST", "Create", schema_of_pairs(), {201: shown}),
                ("PATCH", "Update", schema_of_pairs(partial=True), {200: shown}),
                ("DELETE", "Delete", None, {204: None}),
            )
        ),
    )


_EXTENSIONS = (
    *_extensions("/v2.1/orders/{ref}", "order", on_item=False),
    *_extensions("/v2.1/orderItems/{ref}", "order item", on_item=True),
)
_GUEST = "/v2.1/guests/{ref}"
_GUESTS = (
    Route(
        "POST",
        "/v2.1/guests",
        guests.create_guest,
        "Create a guest",
        wire.GuestRequest,
        {201: wire.Guest, **_ERRORS},
        mutates=True,
    ),
    Route(
        "GET",
        "/v2.1/guests",
        guests.find_guests,
        "Find guests by e-mail or identifier",
        answers={200: wire.Collection, **_ERRORS},
        query=wire.FindGuests,
    ),
    Route(
        "GET", _GUEST, guests.get_guest, "Retrieve a guest", answers={200: wire.Guest, **_ERRORS}
    ),
    Route(
        "PATCH",
        _GUEST,
        replayable(guests.patch_guest),
        "Partially update a guest",
        _GUEST_CHANGE,
        {200: wire.Guest, **_ERRORS},
        mutates=True,
    ),
    Route(
        "PUT",
        _GUEST,
        replayable(guests.put_guest),
        "Update a guest",
        wire.GuestRequest,
        {200: wire.Guest, **_ERRORS},
        mutates=True,
    ),
    Route(
        "DELETE",
        _GUEST,
        replayable(guests.delete_guest),
        "Delete a guest",
        answers={204: None, **_ERRORS},
        mutates=True,
    ),
)
_BATCHES = (
    Route(
        "PUT",
        "/v2/batches/{ref}",
        batches.allocate,
        "Allocate a batch upload location",
        wire.BatchRequest,
        {200: wire.Batch, **_ERRORS, 409: wire.Error},
        mutates=True,
        params=members({"ref": {"type": "string", "pattern": f"^{UUID}$"}}),
    ),
    Route(
        "PUT",
        "/v2/batches/{ref}/upload",
        batches.upload,
        "Upload the gzipped file",
        Media("application/octet-stream"),
        {200: None, 403: wire.Error, 409: wire.Error, 413: wire.Error},
        max_body=MAX_PACKED_BYTES,
        stream=True,
        query=wire.SignedAddress,
        public=True,
    ),
    Route(
        "GET",
        "/v2/batches/{ref}",
        batches.get_batch,
        "Retrieve the status of a batch",
        answers={200: wire.Batch, **_ERRORS},
    ),
    Route(
        "GET",
        "/v2/batches/inspect/{ref}",
        batches.get_batch,
        "Retrieve the status of a batch",
        answers={200: wire.Batch, **_ERRORS},
    ),
    Route(
        "GET",
        "/v2/batches/{ref}/rows",
        batches.get_rows,
        "List what became of the rows",
        answers={200: wire.Collection, **_ERRORS},
        query=wire.Page,
    ),
    Route(
        "GET",
        "/v2/batches/{ref}/log",
        batches.get_log,
        "Retrieve the error log",
        answers={200: Media("application/x-ndjson", wire.LogLine)},
        query=wire.SignedAddress,
        public=True,
    ),
)

ROUTES: tuple[Route, ...] = (*_ORDERS, *_ITEMS, *_PEOPLE, *_EXTENSIONS, *_GUESTS, *_BATCHES)
