"""The tree of errors: each class has a code of its own, which the API and the logs use."""

from collections.abc import Iterator

from jobhopper_core import errors


def tree(root: type[errors.JobhopperError]) -> Iterator[type[errors.JobhopperError]]:
    for one in root.__subclasses__():
        yield one
        yield from tree(one)


def test_no_two_errors_share_a_code() -> None:
    # A lost lease and a wrong request have several codes, one a reason, given as they are raised.
    several = {"LeaseLostError", "RequestError"}
    own = [one for one in tree(errors.JobhopperError) if one.__name__ not in several]
    codes = [one.code for one in own] + [errors.JobhopperError.code]
    assert len(codes) == len(set(codes))


def test_a_lost_lease_says_by_its_code_how_it_was_lost() -> None:
    assert errors.LeaseLostError("cancelled", "An operator cancelled it.").code == "cancelled"


def test_an_invalid_field_names_its_place_in_the_body() -> None:
    error = errors.InvalidFieldError("/jobs/3/priority", "0 to 9")
    assert (error.field, str(error), error.code) == ("/jobs/3/priority", "0 to 9", "invalid")
