"""Tells a database's faults apart: bad data, another's lock, or a database that can't serve now.

The list of data errors is short on purpose. All else is taken for an outage and tried again,
because a write that is dropped by mistake is lost and one that is repeated is not.
"""

from pymysql.constants import ER
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from jobhopper_core.errors import JobhopperError, StoreDataError, UnavailableError

# MySQL's errors of SQLSTATE 22xxx and 23xxx, invalid JSON, and CHECKs (4025: MariaDB's).
_BAD_DATA = frozenset(
    {
        ER.BAD_NULL_ERROR,
        ER.DUP_ENTRY,
        ER.WARN_DATA_OUT_OF_RANGE,
        ER.WARN_DATA_TRUNCATED,
        ER.TRUNCATED_WRONG_VALUE,
        ER.TRUNCATED_WRONG_VALUE_FOR_FIELD,
        ER.DATA_TOO_LONG,
        1526,  # no partition for a value
        1690,  # numeric value out of range
        3140,  # invalid JSON text
        3819,  # a CHECK, MySQL
        4025,  # a CHECK, MariaDB
    }
)
_THERE = frozenset({ER.TABLE_EXISTS_ERROR, ER.DUP_KEYNAME, ER.DUP_FIELDNAME})
_CONTENTION = frozenset({ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK})


def code_of(error: DBAPIError) -> int | None:
    """A server's error number, or None where there is none."""
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def is_contention(error: DBAPIError) -> bool:
    """Whether another transaction's lock spoilt this one: run it again."""
    return code_of(error) in _CONTENTION


def is_there(error: DBAPIError) -> bool:
    """Whether a table, an index or a column could not be made because it is there."""
    return code_of(error) in _THERE


def is_bad_data(error: DBAPIError) -> bool:
    """Whether the database refused a value: the same write will fail again."""
    code = code_of(error)
    if code is not None:
        return code in _BAD_DATA
    return isinstance(error, IntegrityError | DataError)


def translated(error: DBAPIError) -> JobhopperError:
    """The error of ours that stands for a driver's."""
    if is_bad_data(error):
        return StoreDataError(f"The database refused a value: {error.orig}")
    return UnavailableError(f"The database can't serve now: {error.orig}")
