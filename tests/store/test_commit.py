"""What a session keeps for its commit is committed with it, or not at all."""

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from jobhopper_core.store.mysql import connect, connection_options
from jobhopper_core.store.session import Session

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


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_where_one_fails_nothing_is_committed(session: Session, mysql_url: str, wrong: int) -> None:
    session.cursor().execute(ADD, (10,))
    for i in range(3):
        session.at_commit(ADD, (10 if i == wrong else i,))
    with pytest.raises(pymysql.IntegrityError):
        session.commit()
    session.rollback()
    assert numbers(mysql_url) == []
    session.commit()
    assert numbers(mysql_url) == []


def test_a_rollback_forgets_it(session: Session, mysql_url: str) -> None:
    session.at_commit(ADD, (1,))
    session.rollback()
    session.commit()
    assert numbers(mysql_url) == []
