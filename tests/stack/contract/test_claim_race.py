"""`tests/api/test_claim_race.py` on the services."""

from . import OWN, contract_of

globals().update(
    contract_of(
        "test_claim_race",
        {
            "test_two_hundred_claimers_share_twenty_thousand_jobs": OWN,
            "test_single_jobs_are_handed_out_once_to_two_hundred_claimers": OWN,
        },
    )
)
