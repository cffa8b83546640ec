"""A folder for the demo's database and logs."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobhopper.demo.faults import DemoError


@contextmanager
def folder_for(*, keep: bool) -> Iterator[Path]:
    """A new folder, removed at the end unless its files are still of use.

    They are when the demo ends well and `keep` is set, and its logs are when it fails by itself.
    """
    folder = Path(tempfile.mkdtemp(prefix="jobhopper-demo-"))
    useful = False
    try:
        yield folder
        useful = keep
    except DemoError:
        useful = True
        sys.stderr.write(f"The demo's logs are in {folder}\n")
        raise
    finally:
        if not useful:
            shutil.rmtree(folder)
