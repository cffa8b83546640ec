"""`tests/api/test_lease_tokens.py` on the services."""

from . import contract_of

globals().update(contract_of("test_lease_tokens"))
