"""`tests/api/test_claim.py` on the services."""

from . import contract_of

globals().update(contract_of("test_claim"))
