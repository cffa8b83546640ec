"""What a session keeps for its commit is committed with it, or not at all."""

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from jobhopper_core.store import counts, queues
from jobhopper_core.store.database import open_mysql
from jobhopper_core.store.mysql import connect, connection_options
from jobhopper_core.store.session import Session
from jobhopper_core.store.transaction import Transaction

from .servers import emptied

pytestmark = pytest.mark.stores

ADD = "INSERT INTO kept (n) VALUES (%s)"


@pytest.fixture
def session(mysql_url: str) -> Iterator[Session]:
    """A session with an empty table `kept`, whose column `n` is unique."""
    with closing(connect(connection_options(mysql_url))) as session:
        with session.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS kept")
            cursor.execute("CREATE TABLE kept (n INT PRIMARY KEY)")
        yield session
        session.rollback()
        with session.cursor() as cursor:
            cursor.execute("DROP TABLE kept")


def numbers(url: str) -> list[int]:
    """What another session sees."""
    with closing(connect(connection_options(url))) as other, other.cursor() as cursor:
        cursor.execute("SELECT n FROM kept ORDER BY n")
        return [n for (n,) in cursor.fetchall()]


def test_it_is_committed_with_the_rest(session: Session, mysql_url: str) -> None:
    session.cursor().execute(ADD, (1,))
    session.at_commit(ADD, (2,))
    session.at_commit(ADD, (3,))
    assert numbers(mysql_url) == []
    session.commit()
    assert numbers(mysql_url) == [1, 2, 3]


def test_the_session_is_good_for_the_next_transaction(session: Session, mysql_url: str) -> None:
    session.at_commit(ADD, (1,))
    session.commit()
    session.cursor().execute(ADD, (2,))
    session.commit()
    assert numbers(mysql_url) == [1, 2]


def test_counters_that_are_locked_for_too_long_spoil_nothing(mysql_url: str) -> None:
    """The transaction is rolled back and run again; none is left open in the pool."""
    url = emptied(mysql_url, 81)
    tries: list[int] = []
    with (
        closing(open_mysql(url, slot=7, threads=1, seconds=2.0)) as database,
        closing(connect(connection_options(url))) as other,
    ):
        database.run(add_one)
        with other.cursor() as cursor:
            cursor.execute("SELECT n FROM queue_counts FOR UPDATE")

        def change(tx: Transaction) -> int:
            tries.append(len(tries))
            if len(tries) == 2:
                other.rollback()
            (seen,) = tx.read("SELECT COUNT(*) FROM queues")[0]
            queues.ensure(tx, "locked")
            add_one(tx)
            return int(seen)

        assert database.run(change) == 0, "it sees nothing of its first try"
        assert database.run(lambda tx: tx.read("SELECT n FROM queue_counts")) == [(2,)]
    assert tries == [0, 1]


def add_one(tx: Transaction) -> None:
    counts.add(tx, counts.Deltas({("locked", "queued"): 1}))


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_where_one_fails_nothing_is_committed(session: Session, mysql_url: str, wrong: int) -> None:
    session.cursor().execute(ADD, (10,))
    for i in range(3):
        session.at_commit(ADD, (10 if i == wrong else i,))
    with pytest.raises(pymysql.IntegrityError):
        session.commit()
    # Without a word more, as SQLAlchemy leaves it.
    session.commit()
    assert numbers(mysql_url) == []


def test_a_rollback_forgets_it(session: Session, mysql_url: str) -> None:
    session.at_commit(ADD, (1,))
    session.rollback()
    session.commit()
    assert numbers(mysql_url) == []
