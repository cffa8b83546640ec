"""`tests/api/test_operate.py` on the services."""

from . import contract_of

globals().update(contract_of("test_operate"))
