"""What came of it: a score with the differing bytes, and the same for machines as JSON and JUnit XML."""

from __future__ import annotations

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


def lines(results: Sequence[Result]) -> Iterator[str]:
    """For people: every failure with what differs, why cases were skipped, then the scores."""
    for each in results:
        if each.outcome == FAILED:
            yield f"FAILED {each.case.dialect}: {each.case.name} ({each.case.title})"
            for difference in each.differences:
                yield f"       {difference}"
    reasons: dict[str, int] = {}
    for each in results:
        if each.outcome == SKIPPED:
            reasons[each.why] = reasons.get(each.why, 0) + 1
    for why, number in reasons.items():
        yield f"skipped {number}: {why}"
    for dialect in dict.fromkeys(each.case.dialect for each in results):
        yield _score_line(dialect, [each for each in results if each.case.dialect == dialect])


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
    return {
        "base_url": base_url,
        "score": round(score(results), 2),
        **counts(results),
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


def as_junit(results: Sequence[Result]) -> str:
    """JUnit XML: a suite for each dialect."""
    root = ET.Element("testsuites", name="orderhub conform")
    for dialect in dict.fromkeys(each.case.dialect for each in results):
        own = [each for each in results if each.case.dialect == dialect]
        found = counts(own)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=dialect,
            tests=str(len(own)),
            failures=str(found[FAILED]),
            skipped=str(found[SKIPPED]),
            time=f"{sum(each.seconds for each in own):.3f}",
        )
        for each in own:
            _test_case(suite, each)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _test_case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{result.case.dialect}.{result.case.kind}",
        name=_printable(result.case.name),
        time=f"{result.seconds:.4f}",
    )
    if result.outcome == FAILED:
        told = [_printable(each) for each in result.differences]
        failure = ET.SubElement(case, "failure", message=told[0])
        failure.text = "\n".join(told)
    elif result.outcome == SKIPPED:
        ET.SubElement(case, "skipped", message=result.why)


def _printable(text: str) -> str:
    """XML knows no control characters."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
