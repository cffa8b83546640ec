"""`tests/api/test_queues.py` on the services."""

from . import EMBEDDED, OWN, contract_of

globals().update(
    contract_of(
        "test_queues",
        {
            "test_a_thousand_queues_and_no_more": OWN,
            "test_deleting_a_queue_makes_room_for_another": OWN,
            "test_the_system_tells_what_it_is": EMBEDDED,
            "test_the_probes_say_that_it_lives_and_is_ready": EMBEDDED,
            "test_metrics_count_what_was_done": EMBEDDED,
        },
    )
)
