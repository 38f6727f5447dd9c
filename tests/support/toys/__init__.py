"""Dialects that only tests know: folders as somebody else might write them."""
