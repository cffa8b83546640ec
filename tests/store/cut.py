"""A migration that does not come to its end, as when its process is killed."""

from itertools import count

import pytest
from sqlalchemy import Connection

from jobhopper_migrator import do


class CutError(Exception):
    """The process is gone."""


def cut_after(monkeypatch: pytest.MonkeyPatch, statements: int) -> None:
    """The next migration comes no further than `statements`."""
    whole, done = do.do, count()

    def cut(connection: Connection, statement: str) -> None:
        if next(done) == statements:
            raise CutError
        whole(connection, statement)

    # A revision's module is loaded anew for each migration.
    monkeypatch.setattr(do, "do", cut)
