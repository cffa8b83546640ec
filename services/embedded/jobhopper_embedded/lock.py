"""Keeps a second process from a database file that is in use."""

import fcntl
import os
from pathlib import Path
from typing import IO

from jobhopper_core.errors import ConfigurationError


def lock(database: Path) -> IO[str]:
    """An open file that holds the lock for as long as it is open; the system frees it at death.

    Raises ConfigurationError when another process holds it, or the folder can't be written.
    """
    handle = _opened(database)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise ConfigurationError(
            f"{database} is in use by process {holder}; stop that one, or name another --db."
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _opened(database: Path) -> IO[str]:
    # The lock is on the file itself, whatever links and relative paths lead to it.
    path = database.resolve()
    if path.is_dir():
        raise ConfigurationError(f"Can't use {database}: it is a folder; name a file.")
    try:
        return path.with_name(f"{path.name}-lock").open("a+")
    except OSError as error:
        raise ConfigurationError(f"Can't use {database}: {error.strerror}.") from None
