"""`tests/api/test_json_text.py` on the services."""

import pytest

from . import contract_of

pytestmark = pytest.mark.slow

globals().update(contract_of("test_json_text"))
