"""Tells a database's faults apart: bad data, or a database that can't serve just now.

The list of data errors is short on purpose. All else is taken for an outage and tried again,
because a write that is dropped by mistake is lost and one that is repeated is not.
"""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from jobhopper_core.errors import JobhopperError, StoreDataError, UnavailableError


def translated(error: DBAPIError) -> JobhopperError:
    """The error of ours that stands for a driver's."""
    if isinstance(error, IntegrityError | DataError):
        return StoreDataError(f"The database refused a value: {error.orig}")
    return UnavailableError(f"The database can't serve now: {error.orig}")
