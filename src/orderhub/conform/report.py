"""What came of it: a score with the differing bytes, and the same for machines as JSON and JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from orderhub.conform.runner import FAILED, PASSED, SKIPPED, Result


def counts(results: Sequence[Result]) -> dict[str, int]:
    return {
        outcome: sum(each.outcome == outcome for each in results)
        for outcome in (PASSED, FAILED, SKIPPED)
    }


def score(results: Sequence[Result]) -> float:
    """Per cent of what was tried that passed; what was skipped counts for nothing."""
    found = counts(results)
    tried = found[PASSED] + found[FAILED]
    return 100 * found[PASSED] / tried if tried else 0.0


def by_dialect(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The results of each dialect, in the order in which they were tried."""
    found: dict[str, list[Result]] = {}
    for each in results:
        found.setdefault(each.case.dialect, []).append(each)
    return list(found.items())


def lines(results: Sequence[Result]) -> Iterator[str]:
    """For people: every failure with what differs, why cases were not tried, then the scores."""
    for each in results:
        if each.outcome == FAILED and not each.why:
            yield f"FAILED {each.case.dialect}: {each.case.name} ({each.case.title})"
            for difference in each.differences:
                yield f"       {printable(difference)}"
    untried = Counter((each.outcome, each.why) for each in results if each.why)
    for (outcome, why), number in sorted(untried.items()):
        yield f"{outcome if outcome == SKIPPED else outcome.upper()} {number}: {printable(why)}"
    for dialect, own in by_dialect(results):
        yield _score_line(dialect, own)


def _score_line(dialect: str, results: Sequence[Result]) -> str:
    found = counts(results)
    tried = found[PASSED] + found[FAILED]
    skipped = f", {found[SKIPPED]} skipped" if found[SKIPPED] else ""
    return f"{dialect}: {_percent(score(results))} ({found[PASSED]} of {tried} passed{skipped})"


def _percent(value: float) -> str:
    """100 % is said only of all of them."""
    text = f"{value:.1f}"
    return "100 %" if value == 100 else f"{'99.9' if text == '100.0' else text} %"


def as_json(results: Sequence[Result], base_url: str) -> dict[str, Any]:
    """The scores, of all and of each dialect, and every case."""
    return {
        "base_url": base_url,
        **_scored(results),
        "dialects": {name: _scored(own) for name, own in by_dialect(results)},
        "cases": [
            {
                "dialect": each.case.dialect,
                "name": each.case.name,
                "title": each.case.title,
                "kind": each.case.kind,
                "outcome": each.outcome,
                "seconds": round(each.seconds, 4),
                "differences": list(each.differences),
                "why": each.why or None,
            }
            for each in results
        ],
    }


def _scored(results: Sequence[Result]) -> dict[str, Any]:
    return {"score": round(score(results), 2), **counts(results)}


def as_junit(results: Sequence[Result]) -> bytes:
    """JUnit XML: a suite for each dialect."""
    root = ET.Element("testsuites", name="orderhub conform", **_totals(results))
    for dialect, own in by_dialect(results):
        suite = ET.SubElement(root, "testsuite", name=dialect, **_totals(own))
        for each in own:
            _test_case(suite, each)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _totals(results: Sequence[Result]) -> dict[str, Any]:
    found = counts(results)
    return {
        "tests": str(len(results)),
        "failures": str(found[FAILED]),
        "errors": "0",
        "skipped": str(found[SKIPPED]),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }


def _test_case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{result.case.dialect}.{result.case.kind}",
        name=printable(result.case.name),
        time=f"{result.seconds:.4f}",
    )
    if result.outcome == FAILED:
        told = [printable(each) for each in result.differences]
        failure = ET.SubElement(case, "failure", message=told[0])
        failure.text = "\n".join(told)
    elif result.outcome == SKIPPED:
        ET.SubElement(case, "skipped", message=result.why)


def printable(text: str) -> str:
    """Without control characters: XML knows none, and a terminal would obey them."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
