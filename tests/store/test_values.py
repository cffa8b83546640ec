"""Values come back from the server as they were given: our session writes some of them itself."""

from typing import Any

import pytest

from jobhopper_core.store.mysql import connect, connection_options

pytestmark = pytest.mark.stores

VALUES: tuple[Any, ...] = (
    None,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    1.5,
    "",
    'it\'s a \\ and a "quote", %s and\nzero \0 too, ÿ 漢 🚀',
    b"",
    bytes(range(256)),
)


def test_a_value_comes_back_as_it_was_given(mysql_url: str) -> None:
    session = connect(connection_options(mysql_url))
    try:
        with session.cursor() as cursor:
            marks = ", ".join(["%s"] * len(VALUES))
            cursor.execute(f"SELECT {marks}, %s", (*VALUES, True))
            assert cursor.fetchone() == (*VALUES, 1)
    finally:
        session.close()
