"""The laws of the ledger, by name. docs/check.md says of each what breaks it."""

from __future__ import annotations

from enum import StrEnum


class Law(StrEnum):
    """Each name is a sentence that is true of a good ledger."""

    READABLE = "what is stored can be read"
    HAS_TENANT = "what is a tenant's has its tenant"
    # pools and their moves
    AVAILABLE = "a pool's available is opening + adjusted - drawn + returned, and not below zero"
    POOL_SUM = "a pool is the sum of its moves"
    MOVE_HAS_POOL = "a move has its pool"
    MOVE_KIND = "a move is of a known kind, with its sign, and draws and returns are an order's"
    MOVE_HAS_ORDER = "a move of an order has its order"
    RETURNS = "an order returns no more than it drew, and nothing once it stands"
    DRAWN = "the units drawn for a line are those counted on it"
    HELD = "an order holds the units of its lines that still stand"
    BALANCE = "an order holds of balances what was paid from them and not refunded"
    ENDED = "an order that ended holds nothing of a pool"
    # lines
    LINE_HAS_ORDER = "a line has its order"
    LINE_AMOUNT = "a line is quantity x unit, rounded as its order says"
    LINE_SUM = "net + tax = gross on every line"
    LINE_TAXES = "the taxes of a line add up to its tax"
    LINE_UNITS = "0 <= shipped, refunded <= quantity on every line"
    LINE_STEPS = "a line was shipped and refunded as the steps of its order say"
    # orders
    ORDER_LINES = "the lines add up to the order"
    ORDER_SUM = "net + tax = total on every order"
    FOLD = "an order's row is what its events add up to"
    EVENT_HAS_ORDER = "an event has its order"
    # the feed
    FED_ONCE = (
        "an event has one place in the feed, but for those from before the feed or from elsewhere"
    )
    FED_IN_ORDER = "an order's events stand in the feed in their order"
    PLACE_HAS_EVENT = "a place in the feed has its event"
    LANE = "a lane of the feed has no gap, and ends where it says"
    # webhooks
    WEBHOOK_TURN = "of what waits for a webhook, something of each order has its turn"
    WEBHOOK_PLACE = "a webhook is no further than its tenant's feed"
    # names and repeats
    KEY_HAS_ORDER = "a natural key that is taken has its order, which took it"
    ORDER_HAS_KEY = "an order that took a natural key still has it"
    CLAIM_ANSWER = "a bound key has its answer"
    CLAIM_ORDER = "a bound key answered for an order that there is"
    COUNTER = "a counter is beyond every id that was given"
    # time
    TIMER_HAS_ORDER = "a timer has its order, which waits for it"
    ORDER_HAS_TIMER = "an order that waits for a timer has it"
    WAITS_IN_VAIN = "an order waits only for what it can still become"
    # what is kept to find and to count
    TERM_HAS_ORDER = "a search term has its order"
    FOUND_BY_TERMS = "an order is found by its search terms"
    TERM_IS_RIGHT = "a search term is one of its order"
    RECORD_KEY = "a record's key has its record"
    RECORD_NAMES = "a record is found by its names, and by no other"
    GROUP = "a group is what its orders add up to"
    TALLY = "a tally is the number of orders it counts"
    DAILY = "a day of the roll-up is what its events add up to"
