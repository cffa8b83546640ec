"""`tests/api/test_read_job.py` on the services."""

from . import contract_of

globals().update(contract_of("test_read_job"))
