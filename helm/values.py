"""The chart's values with their documentation, read from values.yaml.

A line `# --` before a key begins its documentation, which goes on in the comment lines below. A
key without one is part of the nearest documented key above it.
"""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import yaml

_MARK = "# --"


class ValuesError(Exception):
    """The file is no mapping, or a value in it is not documented."""


class Value(NamedTuple):
    """One row of the table: a path (`api.replicas`), its default, and what it is for."""

    path: str
    default: object
    text: str


class Section(NamedTuple):
    """A key at the top of the file with its text and the values below it."""

    name: str
    text: str
    values: list[Value]


def sections(file: Path) -> list[Section]:
    """The sections in the file's order. Raises ValuesError."""
    text = file.read_text()
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise ValuesError(f"{file} is no mapping")
    reader = _Reader(text.splitlines())
    return [reader.section(key, node) for key, node in root.value]


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def section(self, key: yaml.ScalarNode, node: yaml.Node) -> Section:
        text = self._text(key)
        if not _has_documented(node, self):
            alone = Value(key.value, _plain(node), _needed(text, key.value))
            return Section(key.value, "", [alone])
        return Section(key.value, text, list(self._below(key.value, node)))

    def _below(self, path: str, node: yaml.Node) -> Iterator[Value]:
        if not isinstance(node, yaml.MappingNode):
            raise ValuesError(f"{path} is not documented")
        for key, child in node.value:
            below, text = f"{path}.{key.value}", self._text(key)
            if _has_documented(child, self) or not text:
                yield from self._below(below, child)
            else:
                yield Value(below, _plain(child), text)

    def _text(self, key: yaml.ScalarNode) -> str:
        above = reversed(self._lines[: key.start_mark.line])
        comment = [line.strip() for line in takewhile(_is_comment, above)][::-1]
        starts = [i for i, line in enumerate(comment) if line.startswith(_MARK)]
        if not starts:
            return ""
        told = comment[starts[-1] :]
        return " ".join(line.removeprefix(_MARK).removeprefix("#").strip() for line in told)

    def has_text(self, key: yaml.ScalarNode) -> bool:
        return bool(self._text(key))


def _has_documented(node: yaml.Node, reader: _Reader) -> bool:
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return False
    return any(reader.has_text(key) or _has_documented(child, reader) for key, child in node.value)


def _is_comment(line: str) -> bool:
    return line.strip().startswith("#")


def _needed(text: str, path: str) -> str:
    if not text:
        raise ValuesError(f"{path} is not documented")
    return text


def _plain(node: yaml.Node) -> object:
    return yaml.safe_load(yaml.serialize(node))
