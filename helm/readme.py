"""Writes the chart's README.md: README.tmpl.md with a table of the values in it."""

import json
from collections.abc import Iterator
from pathlib import Path

from helm.tool import CHART
from helm.values import Section, Value, ValuesError, sections

TARGET = CHART / "README.md"
_TEMPLATE = CHART / "README.tmpl.md"
_PLACE = "<!-- values -->\n"


def write() -> None:
    """Writes the file."""
    TARGET.write_text(text())


def faults() -> list[str]:
    """A line that says what to do when the file is not fresh."""
    fresh = TARGET.exists() and TARGET.read_text() == text()
    return [] if fresh else [f"{TARGET} is stale: python -m helm readme"]


def text(values: Path = CHART / "values.yaml") -> str:
    """What the file has to hold. Raises ValuesError when a value is not documented."""
    before, place, after = _TEMPLATE.read_text().partition(_PLACE)
    if not place:
        raise ValuesError(f"{_TEMPLATE} has no line {_PLACE.strip()}")
    return before + "\n".join(_tables(sections(values))) + after


def _tables(found: list[Section]) -> Iterator[str]:
    alone = [value for section in found if _stands_alone(section) for value in section.values]
    yield from _table("General", "", alone)
    for section in found:
        if not _stands_alone(section):
            yield from _table(f"`{section.name}`", section.text, section.values)


def _stands_alone(section: Section) -> bool:
    return [value.path for value in section.values] == [section.name]


def _table(title: str, told: str, values: list[Value]) -> Iterator[str]:
    yield f"### {title}\n"
    if told:
        yield f"{told}.\n"
    yield "| value | default | |\n|---|---|---|"
    yield from map(_row, values)
    yield ""


def _row(value: Value) -> str:
    default = json.dumps(value.default, ensure_ascii=False)
    return f"| `{value.path}` | `{default}` | {value.text.replace('|', chr(92) + '|')} |"
