"""`tests/api/test_keys.py` on the services."""

from . import OWN, contract_of

globals().update(
    contract_of(
        "test_keys",
        {
            "test_keys_outlive_a_restart": OWN,
            "test_the_admin_key_may_come_from_a_file": OWN,
        },
    )
)
