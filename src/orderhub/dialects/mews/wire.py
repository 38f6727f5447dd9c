"""The vendor's request shapes in the vendor's spelling.

Unknown members are tolerated: real clients send them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.describing import INTEGER, NUMBER, TEXT
from orderhub.dialects.scalars import as_meant

_TEXT = {"type": TEXT}
Id = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_TEXT)]
# Go writes what it leaves out as an empty text: of an optional id that is none.
MaybeId = Annotated[str, Meta(max_length=64, extra_json_schema=_TEXT)] | None
Ids = Annotated[list[Id], Meta(max_length=1000)]
Hundred = Annotated[list[Id], Meta(max_length=100)]
Text = Annotated[str, Meta(max_length=255, extra_json_schema=_TEXT)]
Name = Annotated[str, Meta(min_length=1, max_length=255, extra_json_schema=_TEXT)]
LongText = Annotated[str, Meta(max_length=10_000, extra_json_schema=_TEXT)]
Plain = Annotated[str, Meta(extra_json_schema=_TEXT)]
Texts = Annotated[list[Text], Meta(max_length=1000)]
# Some clients send [null] of what is exempt.
Codes = Annotated[list[Text | None], Meta(max_length=32)]
Instant = Annotated[str, Meta(max_length=40)]
# An amount may come as a text too.
Number = Annotated[
    Decimal,
    Meta(extra_json_schema={"type": NUMBER, "pattern": r"^-?[0-9]+(?:\.[0-9]+)?$"}),
]
# JSON `2` and `2.0` are the same whole number; what is not whole is refused by the mapping.
Whole = int | Number

Token = Annotated[
    str,
    Meta(
        description="required, unless the hub's own bearer token is shown", extra_json_schema=_TEXT
    ),
]

T = TypeVar("T")


class Request(Struct, kw_only=True):
    """What every operation takes."""

    ClientToken: Token = ""
    AccessToken: Token = ""
    Client: Token = ""
    LanguageCode: Annotated[Plain | None, Meta(description="accepted; texts are English")] = None
    CultureCode: Annotated[Plain | None, Meta(description="accepted; texts are English")] = None


class EnterpriseRequest(Request, kw_only=True):
    EnterpriseId: Annotated[
        Plain | None, Meta(description="chooses the tenant of a portfolio token, else ignored")
    ] = None


class Preferences(Struct, kw_only=True):
    """Headers that every operation takes."""

    Prefer: Annotated[str, Meta(description="`return=minimal`: 204 in place of an empty `{}`")] = ""


class Failure(Struct):
    """The body of every refusal."""

    Message: str
    RequestId: str


class Limitation(Struct, kw_only=True):
    Count: Annotated[
        int,
        Meta(ge=1, le=1000, extra_json_schema={"type": INTEGER, "pattern": "^[1-9][0-9]{0,2}$"}),
    ]
    Cursor: Plain | None = None


class ListRequest(Request, kw_only=True):
    EnterpriseIds: Ids | None = None
    Limitation: Limitation


class Interval(Struct, kw_only=True):
    StartUtc: Instant
    EndUtc: Instant


class StringUpdate(Struct, kw_only=True):
    """Absent = keep, `{"Value": null}` = clear."""

    Value: LongText | None = None


class BoolUpdate(Struct, kw_only=True):
    Value: bool | None = None


# --- orders


class AmountParameters(Struct, kw_only=True):
    Currency: Annotated[str, Meta(min_length=1, max_length=16, extra_json_schema=_TEXT)]
    TaxCodes: Codes | None = None
    NetValue: Number | None = None
    GrossValue: Number | None = None


class ProductOrderParameters(Struct, kw_only=True):
    ProductId: Annotated[Id, Meta(description="the product, of the service and active")]
    Count: Annotated[Whole | None, Meta(description="units")] = None
    UnitAmount: Annotated[
        AmountParameters | None,
        Meta(
            description="overrides the product's own price and taxes; needed where it has none. "
            "A product with active variants is not sold"
        ),
    ] = None
    StartUtc: Annotated[
        Instant | None, Meta(description="must be a time; kept on the line and shown")
    ] = None
    EndUtc: Annotated[Instant | None, Meta(description="must be a time; kept on the line")] = None
    ExternalIdentifier: Annotated[Text | None, Meta(description="kept on the line and shown")] = (
        None
    )


class ItemCategory(Struct, kw_only=True):
    Code: Text | None = None
    Name: Text | None = None


class ItemParameters(Struct, kw_only=True):
    Name: Annotated[Name, Meta(description="title of a custom item")]
    UnitCount: Annotated[Whole, Meta(description="units")]
    UnitAmount: Annotated[AmountParameters, Meta(description="price of a unit")]
    AccountingCategoryId: Annotated[
        MaybeId, Meta(description="must exist and be active; shown")
    ] = None
    Category: Annotated[ItemCategory | None, Meta(description="deprecated; kept on the line")] = (
        None
    )
    ExternalIdentifier: Annotated[Text | None, Meta(description="kept on the line and shown")] = (
        None
    )


class OrderOptions(Struct, kw_only=True):
    DisableItemGrouping: Annotated[bool | None, Meta(description="kept with the order")] = None


class AddOrder(EnterpriseRequest, kw_only=True):
    """`orders/add`: the document's members and the later ones."""

    ServiceId: Annotated[
        Id, Meta(description="the order's service; must be active and `Additional`")
    ]
    AccountId: Annotated[MaybeId, Meta(description="the account")] = None
    CustomerId: Annotated[
        MaybeId,
        Meta(description="deprecated; counts when `AccountId` is missing, both must agree"),
    ] = None
    BillId: Annotated[
        MaybeId, Meta(description="the order's bill; must be open and of the account")
    ] = None
    ConsumptionUtc: Annotated[Instant | None, Meta(description="time of service; default now")] = (
        None
    )
    Notes: Annotated[LongText | None, Meta(description="the order's notes")] = None
    BusinessSegmentId: Annotated[
        MaybeId,
        Meta(description="must exist (a record `business_segment`); kept and shown"),
    ] = None
    LinkedReservationId: Annotated[
        MaybeId, Meta(description="must exist (a record `reservation`); kept and shown")
    ] = None
    Options: OrderOptions | None = None
    ProductOrders: list[ProductOrderParameters] | None = None
    Items: list[ItemParameters] | None = None


class OrderAdded(Struct):
    OrderId: str


class GetOrderItems(ListRequest, kw_only=True):
    OrderItemIds: Ids | None = None
    ServiceOrderIds: Ids | None = None
    ServiceIds: Ids | None = None
    AccountIds: Hundred | None = None
    BillIds: Ids | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    ConsumedUtc: Interval | None = None
    CanceledUtc: Interval | None = None
    ClosedUtc: Interval | None = None
    AccountingStates: Texts | None = None
    Types: Texts | None = None
    Currency: Text | None = None


class CancelOrderItems(EnterpriseRequest, kw_only=True):
    OrderItemIds: Annotated[list[Id], Meta(min_length=1, max_length=10)]


class GetProductServiceOrders(ListRequest, kw_only=True):
    ServiceIds: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    ProductServiceOrderIds: Ids | None = None
    AccountIds: Ids | None = None
    LinkedReservationIds: Ids | None = None
    States: Texts | None = None
    UpdatedUtc: Interval | None = None


# --- accounts


class AddressParameters(Struct, kw_only=True):
    Line1: Text | None = None
    Line2: Text | None = None
    City: Text | None = None
    PostalCode: Text | None = None
    CountryCode: Text | None = None
    CountrySubdivisionCode: Text | None = None
    Latitude: Number | None = None
    Longitude: Number | None = None


ADDRESS_MEMBERS = AddressParameters.__struct_fields__


class CustomerExtent(Struct, kw_only=True):
    Customers: bool | None = None
    Addresses: bool | None = None
    Documents: bool | None = None


class GetCustomers(Request, kw_only=True):
    ChainIds: Ids | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    DeletedUtc: Interval | None = None
    Extent: CustomerExtent
    ActivityStates: Texts | None = None
    CustomerIds: Ids | None = None
    CompanyIds: Annotated[list[Id], Meta(max_length=1)] | None = None
    Emails: Texts | None = None
    FirstNames: Texts | None = None
    LastNames: Texts | None = None
    LoyaltyCodes: Texts | None = None
    Limitation: Limitation


class SearchCustomers(EnterpriseRequest, kw_only=True):
    Name: Text | None = None
    ResourceId: MaybeId = None
    Extent: CustomerExtent | None = None


class AddCustomer(Request, kw_only=True):
    """Members after `OverwriteExisting` are the profile, kept as they are."""

    LastName: Name
    OverwriteExisting: bool
    ChainId: Plain | None = None
    Title: Text | None = None
    FirstName: Text | None = None
    SecondLastName: Text | None = None
    Sex: Text | None = None
    NationalityCode: Text | None = None
    LanguageCode: Text | None = None
    PreferredLanguageCode: Text | None = None
    BirthDate: Text | None = None
    BirthCountryCode: Text | None = None
    BirthCountrySubdivisionCode: Text | None = None
    BirthPlace: Text | None = None
    Occupation: Text | None = None
    Email: Text | None = None
    Phone: Text | None = None
    LoyaltyCode: Text | None = None
    Notes: LongText | None = None
    CarRegistrationNumber: Text | None = None
    DietaryRequirements: Text | None = None
    TaxIdentificationNumber: Text | None = None
    AccountingCode: Text | None = None
    BillingCode: Text | None = None
    CompanyId: MaybeId = None
    Address: AddressParameters | None = None
    Classifications: Texts | None = None
    Options: Texts | None = None
    ItalianDestinationCode: Text | None = None
    ItalianFiscalCode: Text | None = None
    ItalianLotteryCode: (
        Annotated[str, Meta(min_length=2, max_length=15, extra_json_schema=_TEXT)] | None
    ) = None
    IdentityCard: dict[str, Any] | None = None
    Passport: dict[str, Any] | None = None
    Visa: dict[str, Any] | None = None
    DriversLicense: dict[str, Any] | None = None


class GetCompanies(Request, kw_only=True):
    ChainIds: Ids | None = None
    MotherCompanyIds: Ids | None = None
    Ids: Ids | None = None
    Names: Texts | None = None
    ExternalIdentifiers: Texts | None = None
    ActivityStates: Texts | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    # Deprecated: the interval of one of the two.
    TimeFilter: Text | None = None
    StartUtc: Instant | None = None
    EndUtc: Instant | None = None
    Limitation: Limitation


class CompanyOptions(Struct, kw_only=True):
    Invoiceable: bool = False
    AddFeesToInvoices: bool = False
    AddTaxDeductedPaymentToInvoices: bool = False


class CreditRating(Struct, kw_only=True):
    Basic: Text | None = None


class AddCompany(Request, kw_only=True):
    Name: Name
    Options: CompanyOptions | None = None
    ChainId: Plain | None = None
    MotherCompanyId: MaybeId = None
    Identifier: Text | None = None
    TaxIdentifier: Text | None = None
    AdditionalTaxIdentifier: Text | None = None
    ElectronicInvoiceIdentifier: Text | None = None
    BillingCode: Text | None = None
    AccountingCode: Text | None = None
    Address: AddressParameters | None = None
    InvoiceDueInterval: Text | None = None
    Telephone: Text | None = None
    InvoicingEmail: Text | None = None
    WebsiteUrl: Text | None = None
    ContactPerson: Text | None = None
    ContacPerson: Text | None = None  # misspelled in the vendor's own example
    Contact: Text | None = None
    Notes: LongText | None = None
    Iata: Text | None = None
    Department: Text | None = None
    DunsNumber: Text | None = None
    CreditRating: CreditRating | None = None
    ReferenceIdentifier: Text | None = None
    ExternalIdentifier: Text | None = None


# --- bills and payments


class BillParameters(Struct, kw_only=True):
    AccountId: Id
    AssociatedAccountId: MaybeId = None
    Name: Text | None = None


class AddBills(EnterpriseRequest, kw_only=True):
    Bills: Annotated[list[BillParameters], Meta(min_length=1, max_length=1000)]


class BillExtent(Struct, kw_only=True):
    Items: bool | None = None


class GetBills(ListRequest, kw_only=True):
    BillIds: Ids | None = None
    CustomerIds: Ids | None = None
    AccountIds: Ids | None = None
    State: Text | None = None
    Type: Text | None = None
    CorrectionState: Texts | None = None
    ClosedUtc: Interval | None = None
    IssuedUtc: Interval | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    DueUtc: Interval | None = None
    PaidUtc: Interval | None = None
    Extent: BillExtent | None = None


class BillOptions(Struct, kw_only=True):
    DisplayCustomer: BoolUpdate | None = None
    DisplayTaxation: BoolUpdate | None = None


class AssociatedAccount(Struct, kw_only=True):
    Id: Id
    TaxIdentifier: StringUpdate | None = None
    Address: AddressParameters | None = None


class CloseBill(EnterpriseRequest, kw_only=True):
    """`TaxIdentifier`, `CompanyTaxIdentifier` and `Address` are deprecated names."""

    BillId: Id
    Type: Text
    BillCounterId: MaybeId = None
    FiscalMachineId: MaybeId = None
    Options: BillOptions | None = None
    TaxedDate: StringUpdate | None = None
    DueDate: StringUpdate | None = None
    VariableSymbol: StringUpdate | None = None
    PurchaseOrderNumber: StringUpdate | None = None
    AccountTaxIdentifier: StringUpdate | None = None
    TaxIdentifier: StringUpdate | None = None
    CompanyTaxIdentifier: StringUpdate | None = None
    Notes: StringUpdate | None = None
    AccountAddress: AddressParameters | None = None
    Address: AddressParameters | None = None
    AssociatedAccountData: Annotated[list[AssociatedAccount], Meta(max_length=1)] | None = None


class DeleteBills(EnterpriseRequest, kw_only=True):
    BillIds: Annotated[list[Id], Meta(min_length=1, max_length=1000)]


class AddExternalPayment(EnterpriseRequest, kw_only=True):
    CustomerId: MaybeId = None
    AccountId: MaybeId = None
    BillId: MaybeId = None
    ReservationId: MaybeId = None
    Amount: AmountParameters
    ExternalIdentifier: Text | None = None
    Type: Text | None = None
    AccountingCategoryId: MaybeId = None
    Notes: LongText | None = None


class GetPayments(ListRequest, kw_only=True):
    PaymentIds: Ids | None = None
    BillIds: Ids | None = None
    AccountIds: Hundred | None = None
    ReservationIds: Ids | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    ChargedUtc: Interval | None = None
    ClosedUtc: Interval | None = None
    SettlementUtc: Interval | None = None
    AccountingStates: Texts | None = None
    AccountingState: Text | None = None
    States: Texts | None = None
    Type: Text | None = None
    Currency: Text | None = None


# --- reservations


class GetReservations(ListRequest, kw_only=True):
    ReservationIds: Ids | None = None
    ServiceIds: Ids | None = None
    AccountIds: Ids | None = None
    Numbers: Texts | None = None
    States: Texts | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    CollidingUtc: Interval | None = None
    ScheduledStartUtc: Interval | None = None
    ScheduledEndUtc: Interval | None = None
    ActualStartUtc: Interval | None = None
    ActualEndUtc: Interval | None = None
    ReservationGroupIds: Ids | None = None
    AssignedResourceIds: Ids | None = None
    ChannelNumbers: Texts | None = None
    PartnerCompanyIds: Ids | None = None
    TravelAgencyIds: Ids | None = None
    AvailabilityBlockIds: Ids | None = None


# --- configuration


class GetServices(Request, kw_only=True):
    EnterpriseIds: Ids | None = None
    ServiceIds: Ids | None = None
    ServiceType: Text | None = None
    CreatedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    Limitation: Limitation


class GetProducts(ListRequest, kw_only=True):
    ServiceIds: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    ProductIds: Ids | None = None
    IncludeDefault: bool | None = None
    UpdatedUtc: Interval | None = None


class GetAccountingCategories(ListRequest, kw_only=True):
    AccountingCategoryIds: Ids | None = None
    ActivityStates: Texts | None = None
    UpdatedUtc: Interval | None = None


class GetEnterprises(ListRequest, kw_only=True):
    LinkedUtc: Interval | None = None
    UpdatedUtc: Interval | None = None
    ExternalIdentifiers: Texts | None = None


def convert(members: dict[str, Any], model: type[T]) -> T:
    """The decoded object as its model. Raises HTTPFault(INVALID) with the path of the first fault."""
    try:
        return msgspec.convert(members, model)
    except msgspec.ValidationError:
        # Most clients send what is meant: the others cost a second look.
        members = as_meant(members, model)
    except (ArithmeticError, ValueError, OverflowError) as problem:
        raise invalid(_fault(str(problem))) from None
    try:
        return msgspec.convert(members, model)
    except (msgspec.ValidationError, ArithmeticError, ValueError, OverflowError) as problem:
        raise invalid(_fault(str(problem))) from None


def _fault(message: str) -> WireFault:
    """msgspec says `Object missing required field `Name` - at `$.Items[0]``."""
    problem, _, at = message.partition(" - at ")
    path = at.strip("`").removeprefix("$").removeprefix(".").replace("[...]", "[]")
    kind = "type"
    if problem.startswith("Object missing"):
        missing = problem.rpartition(" ")[2].strip("`")
        path = f"{path}.{missing}" if path else missing
        kind = "missing"
    elif "length" in problem or "<=" in problem or ">=" in problem:
        kind = "length"
    return WireFault(path or "request", kind, problem)
