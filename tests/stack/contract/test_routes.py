"""`tests/api/test_routes.py` on the services."""

from . import OPEN, contract_of

globals().update(
    contract_of(
        "test_routes",
        {"test_a_name_in_a_path_has_the_form_that_it_has_elsewhere": OPEN},
    )
)
