"""The page of promises names tests that exist, and says of each promise which holds it."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "promises.md").read_text()
ROW = re.compile(r"^\| \*\*(.+?)\*\*.* \|.*\| (.+) \|$", re.MULTILINE)


def test_every_promise_names_the_tests_that_hold_it() -> None:
    rows = ROW.findall(PAGE)
    assert len(rows) >= 12
    assert [promise for promise, tests in rows if not re.search(r"`tests/\S+\.py`", tests)] == []


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(tests/\S+?\.py)`", PAGE))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (REPOSITORY / name).is_file()] == []
