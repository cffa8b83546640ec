"""The lease token: only the very text that was given out counts, and for its job alone."""

import pytest

from .caller import Api
from .steps import NO_JOB, claim, create, create_many, read, running, update

FORGED = "jl1.k000000.AAAA.AAAA"


@pytest.mark.parametrize("token", [FORGED, "x", "jl1", "....", "jl1.k.\u00e4.b", "a" * 1_024, " "])
def test_a_forged_token_is_refused(api: Api, queue: str, token: str) -> None:
    job = running(api, queue)
    reply = api.patch(f"/v1/jobs/{job['id']}", {"lease": token, "status": "succeeded"})
    assert (reply.status, reply.code, reply.fields) == (422, "lease_invalid", ["/lease"])
    assert read(api, job["id"])["status"] == "running"


def test_no_character_of_a_token_may_change(api: Api, queue: str) -> None:
    job = running(api, queue)
    token = job["lease"]["token"]
    for i in range(len(token)):
        changed = token[:i] + ("B" if token[i] == "A" else "A") + token[i + 1 :]
        assert update(api, {**job, "lease": {"token": changed}}, extend=1).status == 422, changed
    for changed in (token[:-1], token + "A", token + "=", token + "\n", token.upper()):
        assert update(api, {**job, "lease": {"token": changed}}, extend=1).status == 422, changed


def test_another_jobs_token_is_refused(api: Api, queue: str) -> None:
    create_many(api, queue, 2)
    one, other = claim(api, queue, max=2)
    reply = update(api, {**one, "lease": other["lease"]}, status="succeeded")
    assert (reply.status, reply.code) == (422, "lease_invalid")
    assert update(api, {**one, "id": NO_JOB}, status="succeeded").code == "lease_invalid"


@pytest.mark.parametrize("lease", [None, "", 1, {}, "a" * 1_025])
def test_a_lease_is_text(api: Api, queue: str, lease: object) -> None:
    id_ = create(api, queue)
    reply = api.patch(f"/v1/jobs/{id_}", {"lease": lease, "status": "succeeded"})
    assert (reply.status, reply.fields) == (422, ["/lease"])
