"""`make messages`: the desk's catalogues have every text that the desk says, and no other.

A new text is added without a translation, for somebody to write it; one that nobody says any more goes.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api.credential_kinds import kinds_of

DESK = Path(__file__).resolve().parents[1] / "src" / "orderhub" / "web" / "desk"
LOCALES = DESK / "locale"
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_HEADER = """\
# What the desk says, in another language. `make messages` keeps it complete.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plurals}\\n"

"""


def said() -> Catalog:
    """Every text of the desk, in the order of files and lines; then what it passes on of the dialects."""
    catalogue = Catalog(charset="utf-8")
    found = extract_from_dir(
        DESK,
        method_map=_METHODS,
        options_map={"templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords=_KEYWORDS,
    )
    for _file, _line, message, _comments, _context in found:
        catalogue.add(message)
    for kind in kinds_of(find_dialects()).values():
        catalogue.add(kind.needs)
    for client in (each.client for each in find_dialects() if each.client is not None):
        for member in (*client.credentials, *client.options):
            catalogue.add(member.about)
    return catalogue


def known(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def waiting(path: Path) -> list[str]:
    """What the desk says and this catalogue does not."""
    there = known(path)
    return [
        each.id if isinstance(each.id, str) else each.id[0]
        for each in said()
        if each.id and not ((kept := there.get(each.id)) is not None and all(_texts(kept.string)))
    ]


def completed(path: Path) -> bytes:
    """The catalogue with every text that is said, and no other."""
    before, after = known(path), Catalog(locale=path.stem)
    for message in said():
        if message.id:
            kept = before.get(message.id)
            after.add(message.id, kept.string if kept is not None else "")
    text = BytesIO()
    write_po(text, after, width=120, omit_header=True, no_location=True)
    header = _HEADER.format(language=path.stem, plurals=after.plural_forms)
    return header.encode() + text.getvalue()


def main() -> None:
    for path in sorted(LOCALES.glob("*.po")):
        path.write_bytes(completed(path))
        print(f"{path.name}: {len(waiting(path))} texts wait for their translation")


def _texts(string: object) -> tuple[object, ...]:
    return tuple(string) if isinstance(string, tuple | list) else (string,)


if __name__ == "__main__":
    main()
