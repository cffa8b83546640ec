"""`tests/api/test_idempotency_key.py` on the services."""

from . import OPEN, OWN, contract_of

_UNASKED = "a UUIDv7 is the first id without a question to MySQL, so a repeat is not noticed"

globals().update(
    contract_of(
        "test_idempotency_key",
        {
            "test_a_key_is_1_to_255_characters": OPEN,
            "test_two_keys_in_one_request_are_refused": OPEN,
            "test_keys_outlive_a_restart": OWN,
            "test_a_fresh_uuid7_is_the_first_id": _UNASKED,
            "test_a_uuid7_in_upper_case_is_the_same_id": _UNASKED,
            "test_a_batch_under_a_uuid7_counts_up_from_it": _UNASKED,
            "test_repeats_at_the_same_time_create_once": _UNASKED,
        },
    )
)
