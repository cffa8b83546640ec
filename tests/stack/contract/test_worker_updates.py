"""`tests/api/test_worker_updates.py` on the services."""

from . import JUDGED, contract_of

globals().update(
    contract_of(
        "test_worker_updates",
        {
            "test_a_repeat_is_accepted_and_another_end_is_not": JUDGED,
            "test_a_repeat_is_accepted_when_the_job_has_gone_on": JUDGED,
            "test_heartbeats_after_the_end_are_refused": JUDGED,
            "test_a_token_from_before_a_redrive_does_not_count": JUDGED,
        },
    )
)
