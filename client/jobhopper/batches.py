"""Splits a long list into requests that the server takes: 1,000 entries and 2 MiB each."""

from collections.abc import Iterable, Iterator

ENTRIES_MAX = 1_000
BODY_MAX = 2 * 1024 * 1024


def bodies(name: str, entries: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Bodies `{"<name>":[…]}`, each with the number of its entries, in the order given.

    An entry that is too long by itself goes alone: the server says what is wrong with it.
    """
    opening, closing = f'{{"{name}":['.encode(), b"]}"
    group: list[bytes] = []
    # An entry counts with the comma behind it, which the last one has not.
    size = frame = len(opening) + len(closing) - 1
    for entry in entries:
        if group and (len(group) == ENTRIES_MAX or size + len(entry) + 1 > BODY_MAX):
            yield len(group), opening + b",".join(group) + closing
            group, size = [], frame
        group.append(entry)
        size += len(entry) + 1
    if group:
        yield len(group), opening + b",".join(group) + closing
