"""What an enterprise is set up with: services, products, categories, taxes, currencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orderhub.core import tax
from orderhub.core.accounts import AccountingCategory, Enterprise, Service
from orderhub.core.catalogue import Product
from orderhub.core.currencies import currency_digits, current_currencies
from orderhub.core.facts import Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.tax import Interval, Strategy, Taxation, TaxEnvironment, TaxRate, TaxRules
from orderhub.core.values import Pricing, Settings
from orderhub.core.zones import iana_name
from orderhub.dialects.contract import Answer
from orderhub.dialects.mews.access import Properties, Session, chain_of
from orderhub.dialects.mews.paging import (
    RecordList,
    Sift,
    Window,
    choice,
    choices,
    cursor_of,
    is_within,
    lowered,
    window,
)
from orderhub.dialects.mews.payments import PAYMENT_TYPES
from orderhub.dialects.mews.show import amount
from orderhub.dialects.mews.times import duration, utc
from orderhub.dialects.mews.wire import (
    ADDRESS_MEMBERS,
    EnterpriseRequest,
    GetAccountingCategories,
    GetEnterprises,
    GetProducts,
    GetServices,
    Limitation,
    Request,
)

SERVICE_KINDS = {"additional": "Additional", "bookable": "Bookable"}
# Older and newer names of the kinds of services.
SERVICE_TYPES = {
    "Additional": "additional",
    "Orderable": "additional",
    "Bookable": "bookable",
    "Reservable": "bookable",
}
_PROMOTIONS = dict.fromkeys(
    (
        "BeforeCheckIn",
        "AfterCheckIn",
        "DuringStay",
        "BeforeCheckOut",
        "AfterCheckOut",
        "DuringCheckOut",
    ),
    False,
)
_EVERYTHING = 10_000


def shown_enterprise(enterprise: Enterprise, settings: Settings) -> dict[str, Any]:
    data = enterprise.data
    address = data.get("Address") or {}
    operational = enterprise.operational_history_s
    editable = duration(settings.editable_history_s)
    # Of the vendor's four environments two decide something here; the others follow.
    legal = enterprise.legal_environment or enterprise.tax_environment or None
    return {
        "Id": enterprise.uid,
        "ExternalIdentifier": data.get("ExternalIdentifier"),
        "HoldingKey": data.get("HoldingKey"),
        "ChainId": chain_of(enterprise) or None,
        "ChainName": data.get("ChainName") or enterprise.name,
        "CreatedUtc": utc(enterprise.created_at),
        "UpdatedUtc": utc(enterprise.created_at),
        "Name": enterprise.name,
        "ShortName": data.get("ShortName"),
        "TimeZoneIdentifier": enterprise.time_zone or iana_name(settings.time_zone),
        "LegalEnvironmentCode": legal,
        "AccommodationEnvironmentCode": data.get("AccommodationEnvironmentCode") or legal,
        "AccountingEnvironmentCode": data.get("AccountingEnvironmentCode") or legal,
        "TaxEnvironmentCode": enterprise.tax_environment or None,
        "DefaultLanguageCode": enterprise.language,
        "EditableHistoryInterval": editable,
        "AccountingEditableHistoryInterval": editable,
        "OperationalEditableHistoryInterval": editable
        if operational is None
        else duration(operational),
        "BusinessDayClosingOffset": data.get("BusinessDayClosingOffset"),
        "WebsiteUrl": data.get("WebsiteUrl"),
        "Email": data.get("Email"),
        "Phone": data.get("Phone"),
        "LogoImageId": None,
        "CoverImageId": None,
        "Address": {
            "Id": enterprise.uid,
            **{name: address.get(name) for name in ADDRESS_MEMBERS},
        },
        "AddressId": enterprise.uid,
        "Currencies": [
            {"Currency": code, "IsDefault": code == settings.currency, "IsEnabled": True}
            for code in dict.fromkeys((settings.currency, *settings.currencies))
        ],
        "Pricing": "Net" if settings.pricing is Pricing.NET else "Gross",
        "TaxPrecision": settings.tax_precision,
        "GroupNames": data.get("GroupNames") or [],
        "Subscription": {"TaxIdentifier": data.get("TaxIdentifier")},
        "IsPortfolio": False,
    }


def shown_accounting(enterprise: Enterprise) -> dict[str, Any]:
    """What point-of-sale systems ask before they post payments: the hub takes every external type."""
    stated = enterprise.data.get("AccountingConfiguration") or {}
    return {
        **{
            name: stated.get(name)
            for name in (
                "AdditionalTaxIdentifier",
                "CompanyName",
                "BankAccountNumber",
                "BankName",
                "Iban",
                "Bic",
            )
        },
        "SurchargeConfiguration": {
            "SurchargeFees": {},
            "SurchargeServiceId": None,
            "SurchargeTaxCode": None,
        },
        "EnabledExternalPaymentTypes": PAYMENT_TYPES,
        "Options": [],
    }


async def get_configuration(session: Session, _body: EnterpriseRequest) -> Answer:
    tenant_id = session.tenant_id

    def look(reads: Reads) -> tuple[Enterprise, Settings]:
        return Properties(reads).of(tenant_id), reads.settings(tenant_id)

    enterprise, settings = await session.call.hub.read(look)
    return session.answer(
        {
            "NowUtc": utc(settings.clock.at(session.call.received_at)),
            "Enterprise": {
                **shown_enterprise(enterprise, settings),
                "AccountingConfiguration": shown_accounting(enterprise),
            },
            "Service": None,
            "PaymentCardStorage": None,
            "IsIdentityDocumentNumberRequired": False,
        }
    )


async def get_enterprises(session: Session, body: GetEnterprises) -> Answer:
    wanted = frozenset(lowered(body.EnterpriseIds))
    linked = window(body.LinkedUtc, "LinkedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    external = frozenset(body.ExternalIdentifiers or ())

    def keep(enterprise: Enterprise) -> bool:
        return (
            (not wanted or enterprise.uid in wanted)
            and is_within(enterprise.created_at, linked)
            and is_within(enterprise.created_at, updated)
            and (not external or enterprise.data.get("ExternalIdentifier") in external)
        )

    def show(reads: Reads, _properties: Properties, record: Record) -> dict[str, Any]:
        row = shown_enterprise(record.doc, reads.settings(record.tenant_id))
        return {**row, "LinkedUtc": row["CreatedUtc"]}

    listed = RecordList("enterprise", keep=keep)
    return await listed_page(session, listed, body.Limitation, "Enterprises", show)


async def listed_page(
    session: Session,
    listed: RecordList,
    limitation: Limitation,
    name: str,
    show: Callable[[Reads, Properties, Record], dict[str, Any]],
) -> Answer:
    """A page of records under `name`, with the cursor."""

    def look(reads: Reads) -> list[dict[str, Any]]:
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        properties = Properties(reads)
        return [show(reads, properties, record) for record in found]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({name: shown, "Cursor": cursor}, empty=not shown)


# --- services


async def get_services(session: Session, body: GetServices) -> Answer:
    uids = lowered(body.ServiceIds)
    kind = SERVICE_TYPES.get(choice(body.ServiceType, "ServiceType", SERVICE_TYPES) or "")
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")

    def keep(service: Service) -> bool:
        return (
            (kind is None or service.kind == kind)
            and is_within(service.created_at, created)
            and is_within(service.updated_at, updated)
        )

    def show(_reads: Reads, properties: Properties, record: Record) -> dict[str, Any]:
        return shown_service(record.doc, properties.of(record.tenant_id))

    listed = RecordList.named("service", uids, keep=keep)
    return await listed_page(session, listed, body.Limitation, "Services", show)


def shown_service(service: Service, enterprise: Enterprise) -> dict[str, Any]:
    names = service.data.get("Names") or {enterprise.language: service.name}
    if service.kind == "bookable":
        value: dict[str, Any] = {
            "StartOffset": "P0M0DT15H0M0S",
            "EndOffset": "P0M0DT12H0M0S",
            "OccupancyStartOffset": "P0M0DT15H0M0S",
            "OccupancyEndOffset": "P0M0DT12H0M0S",
            "TimeUnit": "Day",
            "TimeUnitPeriod": "Day",
        }
    else:
        value = {"Promotions": {**_PROMOTIONS, **service.data.get("Promotions", {})}}
    return {
        "Id": service.uid,
        "EnterpriseId": enterprise.uid or None,
        "IsActive": service.active,
        "Name": service.name,
        "Names": names,
        "ShortNames": service.data.get("ShortNames") or names,
        "Descriptions": service.data.get("Descriptions") or {},
        "StartTime": None,
        "EndTime": None,
        "Options": {"BillAsPackage": bool(service.data.get("BillAsPackage", False))},
        "Promotions": value.get("Promotions"),
        "Type": "Reservable" if service.kind == "bookable" else "Orderable",
        "Ordering": service.ordering,
        "Data": {"Discriminator": SERVICE_KINDS.get(service.kind, "Additional"), "Value": value},
        "ExternalIdentifier": service.data.get("ExternalIdentifier"),
        "CreatedUtc": utc(service.created_at),
        "UpdatedUtc": utc(service.updated_at),
    }


# --- products


async def get_products(session: Session, body: GetProducts) -> Answer:
    services = frozenset(lowered(body.ServiceIds))
    uids = lowered(body.ProductIds)
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    include_default = bool(uids) if body.IncludeDefault is None else body.IncludeDefault

    def keep(product: Product) -> bool:
        return product.service in services and (
            include_default or not product.data.get("IsDefault")
        )

    shown_by = _ProductRows()
    listed = RecordList.named("product", uids, keep=keep, sift=_updated_within(updated))

    def look(reads: Reads) -> list[dict[str, Any]]:
        limitation = body.Limitation
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        return [shown_by.show(reads, record) for record in found]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer(
        {"Products": shown, "CustomerProducts": [], "Cursor": cursor}, empty=not shown
    )


def times_of(data: dict[str, Any], enterprise: Enterprise) -> tuple[int, int]:
    """When a thing was made and last changed; one that does not say is as old as the enterprise."""
    created = int(data.get("created_at", enterprise.created_at))
    return created, int(data.get("updated_at", created))


def _updated_within(updated: Window | None) -> Sift | None:
    if updated is None:
        return None

    def sift(reads: Reads, records: Sequence[Record]) -> list[Record]:
        properties = Properties(reads)
        return [
            record
            for record in records
            if is_within(times_of(record.doc.data, properties.of(record.tenant_id))[1], updated)
        ]

    return sift


class _ProductRows:
    """Products as rows; what their prices are worked out with is read once for each tenant."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[Enterprise, Settings, dict[str, TaxRate]]] = {}

    def show(self, reads: Reads, record: Record) -> dict[str, Any]:
        tenant_id = record.tenant_id
        if tenant_id not in self._facts:
            rates = {each.code: each for each in everything(reads, (tenant_id,), "tax_rate")}
            self._facts[tenant_id] = (
                Properties(reads).of(tenant_id),
                reads.settings(tenant_id),
                rates,
            )
        enterprise, settings, rates = self._facts[tenant_id]
        return shown_product(record.doc, enterprise, settings, rates)


def shown_product(
    product: Product, enterprise: Enterprise, settings: Settings, rates: dict[str, TaxRate]
) -> dict[str, Any]:
    data = product.data
    language = enterprise.language
    names = data.get("Names") or {language: product.title}
    external_names = data.get("ExternalNames") or names
    short_names = data.get("ShortNames") or {language: product.code}
    description = data.get("description")
    descriptions = data.get("Descriptions") or (
        {language: description} if isinstance(description, str) else {}
    )
    charging, posting = data.get("ChargingMode", "Once"), data.get("PostingMode", "Once")
    price = shown_price(product, settings, rates)
    created, updated = times_of(data, enterprise)
    return {
        "Id": product.uid,
        "ServiceId": product.service,
        "CreatedUtc": utc(created),
        "UpdatedUtc": utc(updated),
        "CategoryId": None,
        "AccountingCategoryId": product.category or None,
        "IsActive": product.active,
        "IsDefault": bool(data.get("IsDefault", False)),
        "Name": product.title,
        "Names": names,
        "ExternalName": external_names.get(language),
        "ExternalNames": external_names,
        "ShortName": short_names.get(language),
        "ShortNames": short_names,
        "Description": descriptions.get(language),
        "Descriptions": descriptions,
        "Charging": charging,
        "ChargingMode": charging,
        "Posting": "Daily" if posting == "PerTimeUnit" else "Once",
        "PostingMode": posting,
        "Options": {"BillAsPackage": bool(data.get("BillAsPackage", False))},
        "Promotions": _PROMOTIONS,
        "Classifications": {
            "Food": False,
            "Beverage": False,
            "Wellness": False,
            "CityTax": False,
            "Fee": False,
            **data.get("Classifications", {}),
        },
        "Price": price,
        "Pricing": {"Discriminator": "Absolute", "Value": price},
        "ImageIds": [],
        "Ordering": 0,
        "ExternalIdentifier": data.get("ExternalIdentifier") or product.code or None,
        "TaxExemptionReason": None,
        "TaxExemptionLegalReference": None,
        "ConsumptionMoment": data.get("ConsumptionMoment", "ServiceOrderStart"),
    }


def shown_price(
    product: Product, settings: Settings, rates: dict[str, TaxRate]
) -> dict[str, Any] | None:
    """The unit price with its taxes, as a charge of one unit would have it; None where there is none."""
    if product.price is None:
        return None
    currency = product.currency or settings.currency
    rules = TaxRules.of(settings, currency)
    used = [rates[code] for code in product.tax_codes if code in rates]
    priced = tax.taxed(product.price, 1, settings.pricing, used, rules)
    return amount(
        currency,
        priced.net,
        priced.gross,
        [(part.code, part.base, part.amount) for part in priced.parts],
    )


# --- accounting categories


async def get_accounting_categories(session: Session, body: GetAccountingCategories) -> Answer:
    uids = lowered(body.AccountingCategoryIds)
    states = choices(body.ActivityStates, "ActivityStates", ("Active", "Deleted"))
    updated = window(body.UpdatedUtc, "UpdatedUtc")

    def keep(category: AccountingCategory) -> bool:
        return not states or ("Active" if category.active else "Deleted") in states

    def show(_reads: Reads, properties: Properties, record: Record) -> dict[str, Any]:
        category: AccountingCategory = record.doc
        data = category.data
        enterprise = properties.of(record.tenant_id)
        created_at, updated_at = times_of(data, enterprise)
        return {
            "Id": category.uid,
            "EnterpriseId": enterprise.uid or None,
            "IsActive": category.active,
            "Name": category.name,
            "Code": category.code or None,
            "Classification": data.get("Classification"),
            "ExternalCode": data.get("ExternalCode"),
            "LedgerAccountCode": data.get("LedgerAccountCode"),
            "PostingAccountCode": data.get("PostingAccountCode"),
            "CostCenterCode": data.get("CostCenterCode"),
            "CreatedUtc": utc(created_at),
            "UpdatedUtc": utc(updated_at),
        }

    listed = RecordList.named("accounting_category", uids, keep=keep, sift=_updated_within(updated))
    return await listed_page(session, listed, body.Limitation, "AccountingCategories", show)


# --- taxes and currencies: tokens only


def everything(reads: Reads, tenants: Sequence[int], kind: str) -> list[Any]:
    """All documents of a kind over the tenants, each code once."""
    found: dict[str, Any] = {}
    for tenant_id in tenants:
        query = RecordQuery(tenant_id=tenant_id, kind=kind, limit=_EVERYTHING)
        for record in reads.records(query):
            found.setdefault(record.doc.code, record.doc)
    return list(found.values())


async def get_tax_environments(session: Session, _body: Request) -> Answer:
    found: list[TaxEnvironment] = await session.call.hub.read(
        lambda reads: everything(reads, session.tenants, "tax_environment")
    )
    shown = [
        {
            "Code": each.code,
            "CountryCode": each.country,
            "ValidityStartUtc": utc(each.valid.start),
            "ValidityEndUtc": utc(each.valid.end),
            "TaxationCodes": list(each.taxations),
        }
        for each in found
    ]
    return session.answer({"TaxEnvironments": shown})


async def get_taxations(session: Session, _body: Request) -> Answer:
    def look(reads: Reads) -> tuple[list[Taxation], list[TaxRate]]:
        return (
            everything(reads, session.tenants, "taxation"),
            everything(reads, session.tenants, "tax_rate"),
        )

    taxations, rates = await session.call.hub.read(look)
    return session.answer(
        {
            "Taxations": [
                {"Code": each.code, "Name": each.name, "LocalName": each.local_name}
                for each in taxations
            ],
            "TaxRates": [shown_rate(rate) for rate in rates],
        }
    )


def shown_rate(rate: TaxRate) -> dict[str, Any]:
    value: dict[str, Any] = {"Value": rate.value}
    if rate.strategy is Strategy.FLAT:
        value["CurrencyCode"] = rate.currency
    elif rate.strategy is Strategy.DEPENDENT:
        value = {"BaseTaxationCodes": list(rate.base_taxations), **value}
    return {
        "Code": rate.code,
        "TaxationCode": rate.taxation,
        "Value": rate.value,
        "Strategy": {"Discriminator": rate.strategy.value.capitalize(), "Value": value},
        # Misspelled by the vendor, and read by its clients under this name.
        "ValidityInvervalsUtc": [_shown_interval(each) for each in rate.valid],
    }


def _shown_interval(interval: Interval) -> dict[str, str | None]:
    return {"StartUtc": utc(interval.start), "EndUtc": utc(interval.end)}


async def get_currencies(session: Session, _body: Request) -> Answer:
    shown = [{"Code": code, "Precision": currency_digits(code)} for code in current_currencies()]
    return session.answer({"Currencies": shown})
