"""A ledger as a whole, from one place to another: a backup, what is made of one, and a copy into the other database."""
