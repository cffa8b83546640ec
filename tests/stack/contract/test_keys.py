"""`tests/api/test_keys.py` on the services."""

from . import EMBEDDED, OPEN, OWN, contract_of

globals().update(
    contract_of(
        "test_keys",
        {
            "test_keys_outlive_a_restart": OWN,
            "test_the_admin_key_may_come_from_a_file": OWN,
            "test_a_host_that_others_reach_is_served_with_a_key": OWN,
            "test_an_open_server_answers_to_this_machine_alone": EMBEDDED,
            "test_an_open_server_answers_to_the_names_of_this_machine": EMBEDDED,
            "test_an_open_server_does_not_let_a_wrong_key_pass": EMBEDDED,
            "test_a_host_is_asked_for": OPEN,
        },
    )
)
