"""What the commands write: lines, tables, JSON."""

import shutil
import sys
from collections.abc import Sequence

from jobhopper.json_text import Json, encode

_GAP = "  "


def write(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(line + "\n")


def write_json(value: Json) -> None:
    """One value as one line of JSON."""
    write(encode(value).decode())


def write_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns under headings; on a terminal, long lines are cut."""
    cells = [list(headings), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write(_cut(_GAP.join(padded).rstrip()))


def plain(value: object) -> str:
    """`value` as one line; None is empty, and control characters can't reach the terminal."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def complain(message: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"jobhopper: {plain(message)}\n")


def _cut(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width else line[: width - 1] + "…"
