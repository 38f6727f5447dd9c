"""The tables and everything that reads or writes them. SQLite and PostgreSQL from one definition."""
