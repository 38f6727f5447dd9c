"""The laws of the ledger: what is stored twice must agree, and what is derived must be derivable. See docs/check.md."""
