"""A job's state and its copy."""

from dataclasses import fields
from typing import Any

from jobhopper_core.model.transitions import JobState


def test_a_copy_has_every_field_but_bodies_of_its_own() -> None:
    values: dict[str, Any] = {one.name: object() for one in fields(JobState)}
    values["bodies"] = {"result": "{}"}
    job = JobState(**values)
    same = job.copy()
    assert same.bodies == {}
    for name, value in values.items():
        assert getattr(job, name) is value
        assert name == "bodies" or getattr(same, name) is value, name
