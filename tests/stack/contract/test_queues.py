"""`tests/api/test_queues.py` on the services."""

from . import OWN, contract_of

globals().update(
    contract_of(
        "test_queues",
        {
            "test_a_thousand_queues_and_no_more": OWN,
            "test_deleting_a_queue_makes_room_for_another": OWN,
        },
    )
)
