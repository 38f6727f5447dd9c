"""Benchmarks: what the hub does, beside what the same server does without a ledger and with batches of one."""
