"""The operations at the vendor's own paths: POST only, spelled exactly."""

from __future__ import annotations

from orderhub.dialects.contract import Route
from orderhub.dialects.mews import (
    accounts,
    bills,
    configuration,
    orders,
    payments,
    reservations,
    wire,
)
from orderhub.dialects.mews.access import Operation, handler

PREFIX = "/api/connector/"
_BASE = "/api/connector/v1/"


def _operation(
    path: str,
    model: type[wire.Request],
    operation: Operation,
    summary: str,
    *,
    mutates: bool = False,
    answer: object = ...,
) -> Route:
    return Route(
        method="POST",
        path=_BASE + path,
        handler=handler(model, operation),
        summary=summary,
        request=model,
        answers={200: answer, 204: None, 408: wire.Failure},
        mutates=mutates,
        headers=wire.Preferences,
    )


ROUTES = (
    _operation(
        "orders/add",
        wire.AddOrder,
        orders.add,
        "Charge products and items to an account",
        mutates=True,
        answer=wire.OrderAdded,
    ),
    _operation(
        "orderItems/getAll", wire.GetOrderItems, orders.get_items, "Order items, newest first"
    ),
    _operation(
        "orderItems/cancel",
        wire.CancelOrderItems,
        orders.cancel_items,
        "Cancel order items, all or none",
        mutates=True,
    ),
    _operation(
        "productServiceOrders/getAll",
        wire.GetProductServiceOrders,
        orders.get_service_orders,
        "Orders of services, newest first",
    ),
    _operation(
        "configuration/get",
        wire.EnterpriseRequest,
        configuration.get_configuration,
        "The enterprise and its time",
    ),
    _operation(
        "enterprises/getAll",
        wire.GetEnterprises,
        configuration.get_enterprises,
        "Enterprises in scope",
    ),
    _operation(
        "reservations/getAll/2023-06-06",
        wire.GetReservations,
        reservations.get_reservations,
        "Reservations",
    ),
    _operation("services/getAll", wire.GetServices, configuration.get_services, "Services"),
    _operation(
        "products/getAll", wire.GetProducts, configuration.get_products, "Products of services"
    ),
    _operation(
        "accountingCategories/getAll",
        wire.GetAccountingCategories,
        configuration.get_accounting_categories,
        "Accounting categories",
    ),
    _operation(
        "taxEnvironments/getAll",
        wire.Request,
        configuration.get_tax_environments,
        "Tax environments",
    ),
    _operation("taxations/getAll", wire.Request, configuration.get_taxations, "Tax rates"),
    _operation("currencies/getAll", wire.Request, configuration.get_currencies, "Currencies"),
    _operation("customers/getAll", wire.GetCustomers, accounts.get_customers, "Customers"),
    _operation(
        "customers/search",
        wire.SearchCustomers,
        accounts.search_customers,
        "Customers by a part of their name",
    ),
    _operation(
        "customers/add", wire.AddCustomer, accounts.add_customer, "Add a customer", mutates=True
    ),
    _operation("companies/getAll", wire.GetCompanies, accounts.get_companies, "Companies"),
    _operation(
        "companies/add", wire.AddCompany, accounts.add_company, "Add a company", mutates=True
    ),
    _operation("bills/getAll", wire.GetBills, bills.get_bills, "Bills"),
    _operation("bills/add", wire.AddBills, bills.add_bills, "Open bills", mutates=True),
    _operation("bills/close", wire.CloseBill, bills.close_bill, "Close a bill", mutates=True),
    _operation(
        "bills/delete",
        wire.DeleteBills,
        bills.delete_bills,
        "Delete empty bills",
        mutates=True,
    ),
    _operation(
        "payments/addExternal",
        wire.AddExternalPayment,
        payments.add_external_payment,
        "Record a payment taken outside",
        mutates=True,
    ),
    _operation("payments/getAll", wire.GetPayments, payments.get_payments, "Payments"),
)
