"""Columns as the tables have them: never null, and filled by the database where they have nothing to say."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Text, text

metadata = MetaData()  # of all tables


def words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def key(name: str, kind: type[BigInteger | Text]) -> Column[object]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)
