"""The operations at the vendor's own paths."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Route
from orderhub.dialects.sitecore_cdp import batches, extensions, guests, items, orders, people, wire
from orderhub.dialects.sitecore_cdp.repeats import replayable

_ERRORS = {400: wire.Error, 401: wire.Unauthorized, 404: wire.Error}

_ORDERS = (
    Route(
        "POST",
        "/v2.1/orders",
        orders.create_order,
        "Create an order",
        wire.OrderRequest,
        {201: wire.Order, 400: wire.Error, 401: wire.Unauthorized, 409: wire.Error},
        mutates=True,
    ),
    Route(
        "GET",
        "/v2.1/orders",
        orders.find_orders,
        "Find orders by referenceId or guestRef",
        answers={200: wire.Collection, **_ERRORS},
    ),
    Route(
        "GET",
        "/v2.1/orders/{ref}",
        orders.get_order,
        "Retrieve an order",
        answers={200: wire.Order, **_ERRORS},
    ),
    Route(
        "PATCH",
        "/v2.1/orders/{ref}",
        replayable(orders.patch_order),
        "Partially update an order",
        wire.OrderRequest,
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
        wire.OrderItemRequest,
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


def _people(role: people.Role, one: str, path: str, body: Any, shown: Any) -> tuple[Route, ...]:
    of_order = f"/v2.1/orders/{{ref}}/{role.part}"
    by_ref = f"/v2.1/{path}/{{ref}}"
    return (
        Route(
            "POST",
            of_order,
            people.create(role),
            f"Add an order {one}",
            body,
            {201: shown, **_ERRORS},
            mutates=True,
        ),
        Route(
            "GET",
            of_order,
            people.list_all(role),
            f"List the {role.part} of an order",
            answers={200: wire.Collection, **_ERRORS},
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
            body,
            {200: shown, **_ERRORS},
            mutates=True,
        ),
        Route(
            "PUT",
            by_ref,
            people.update(role, partial=False),
            f"Update an order {one}",
            body,
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
    *_people(people.CONTACT, "contact", "orderContacts", wire.ContactRequest, wire.Contact),
    *_people(people.CONSUMER, "consumer", "orderConsumers", wire.ConsumerRequest, wire.Consumer),
)


def _extensions(path: str, what: str, *, on_item: bool) -> tuple[Route, ...]:
    path = f"{path}/extensions/{{name}}"
    shown = dict[str, str | int | float | bool]
    summaries = {"POST": "Create", "PATCH": "Update", "DELETE": "Delete"}
    return (
        Route(
            "GET",
            path,
            extensions.read(on_item=on_item),
            f"Retrieve the data extension of an {what}",
            answers={200: shown, **_ERRORS, 409: wire.Error},
        ),
        *(
            Route(
                method,
                path,
                extensions.write(method, on_item=on_item),
                f"{verb} the data extension of an {what}",
                None if method == "DELETE" else shown,
                {201 if method == "POST" else 200: shown, **_ERRORS, 409: wire.Error},
                mutates=True,
            )
            for method, verb in summaries.items()
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
    ),
    Route(
        "GET", _GUEST, guests.get_guest, "Retrieve a guest", answers={200: wire.Guest, **_ERRORS}
    ),
    Route(
        "PATCH",
        _GUEST,
        replayable(guests.patch_guest),
        "Partially update a guest",
        wire.GuestRequest,
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
    ),
    Route(
        "PUT",
        "/v2/batches/{ref}/upload",
        batches.upload,
        "Upload the gzipped file",
        answers={200: None, 403: wire.Error, 409: wire.Error, 413: wire.Error},
        max_body=batches.MAX_PACKED_BYTES,
        stream=True,
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
    ),
    Route("GET", "/v2/batches/{ref}/log", batches.get_log, "Retrieve the error log"),
)

ROUTES: tuple[Route, ...] = (*_ORDERS, *_ITEMS, *_PEOPLE, *_EXTENSIONS, *_GUESTS, *_BATCHES)
