"""Fixtures of the chart's tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

# They use the repository's own folder `helm`, found by the line above.
from .cluster import Cluster, serving


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """An empty cluster."""
    with serving() as found:
        yield found
