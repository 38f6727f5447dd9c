"""OrderHub: five vendors' order APIs in, one durable ledger out."""

__version__ = "0.2.0"
