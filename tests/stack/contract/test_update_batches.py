"""`tests/api/test_update_batches.py` on the services."""

from . import JUDGED, contract_of

globals().update(
    contract_of(
        "test_update_batches",
        {
            "test_each_is_judged_alone_and_in_its_place": JUDGED,
            "test_a_job_may_stand_in_a_batch_twice": JUDGED,
        },
    )
)
