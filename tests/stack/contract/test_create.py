"""`tests/api/test_create.py` on the services."""

from . import OWN, contract_of

globals().update(contract_of("test_create", {"test_a_refused_batch_makes_none_of_its_queues": OWN}))
