"""`tests/api/test_lists.py` on the services."""

import pytest

from . import contract_of

pytestmark = pytest.mark.slow

globals().update(contract_of("test_lists"))
