"""The page about errors is held to the code, both ways."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import jobhopper_api.app
from jobhopper_api.http.problems import is_passing
from jobhopper_api.routes.on_its_way import NotYetPersistedError
from jobhopper_core import errors
from jobhopper_core.model.writes import Outcome

from .caller import Api

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "http-api.md").read_text()
ERRORS = (ROOT / "docs" / "errors.md").read_text()


def test_the_problem_on_the_page_of_errors_is_one_that_is_answered(api: Api) -> None:
    jobs = [{"queue": "q", "type": "t", "priority": p} for p in (0, 5, 9, 10)]
    shown = json.loads(re.findall(r"```json\n(.*?)```", ERRORS, re.DOTALL)[0])
    assert api.post("/v1/jobs", {"jobs": jobs}).json == shown


# Errors that end a process at its start have no status: nobody calls it yet.
NOT_OF_HTTP = {"configuration", "schema_mismatch"}
CODE = re.compile(r"[a-z]+(_[a-z]+)*")


def codes_of_the_code() -> set[str]:
    """Every code that an answer can bear, found where errors are made."""
    found = {
        "lease_expired",
        *(o.value for o in Outcome if o not in {Outcome.APPLIED, Outcome.DUPLICATE}),
    }
    # The API has errors of its own, which are known once it is imported.
    assert jobhopper_api.app.OPERATIONS
    classes = dict(error_classes(errors.JobhopperError))
    for folder in ("core/jobhopper_core", "services/api/jobhopper_api"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                found |= codes_at(node, classes)
    return found - NOT_OF_HTTP


def error_classes(root: type[errors.JobhopperError]) -> Any:
    for one in root.__subclasses__():
        yield one.__name__, one.code
        yield from error_classes(one)


def codes_at(node: ast.AST, classes: dict[str, str]) -> set[str]:
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_CODES":
        return {value.value for value in node.value.values}  # type: ignore[attr-defined]
    if not isinstance(node, ast.Call):
        return set()
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in {"RequestError", "_refuse", "encoded", "LeaseLostError"}:
        texts = {a.value for a in node.args if isinstance(a, ast.Constant)}
        return {t for t in texts if isinstance(t, str) and CODE.fullmatch(t)}
    return {classes[name]} if name in classes else set()


def test_every_code_is_on_the_page_of_errors_and_no_other() -> None:
    named = re.findall(r"^### `([a-z_]+)`$", ERRORS, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == codes_of_the_code()


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (errors.UnavailableError("x"), True),
        (errors.OutcomeUnknownError("x"), True),
        (NotYetPersistedError("x"), True),
        (errors.RunningError("x"), False),
        (errors.NotFoundError("x"), False),
        (errors.InvalidFieldError("/x", "x"), False),
    ],
)
def test_what_the_page_says_to_try_again_bears_retry_after(
    error: errors.JobhopperError, *, passing: bool
) -> None:
    assert is_passing(error) is passing
    remedy = ERRORS.split(f"### `{error.code}`\n", 1)[1].split("\n### ", 1)[0]
    assert ("`Retry-After`" in remedy or "repeat it" in remedy) is passing


def test_every_error_has_a_status_a_meaning_and_a_remedy() -> None:
    parts = re.split(r"^### `[a-z_]+`$", ERRORS, flags=re.MULTILINE)[1:]
    for part in parts:
        assert re.search(r"^\*\*\d{3}\*\*", part.strip()), part
        assert "**Do:**" in part, part


def test_every_code_that_the_pages_name_exists(api: Api) -> None:
    document = api.get("/openapi.json").json
    known = codes_of_the_code()
    text = " ".join(
        response["description"]
        for item in document["paths"].values()
        for call in item.values()
        for response in call["responses"].values()
        if response["description"].startswith("Codes: ")
    )
    assert set(re.findall(r"[a-z]+_[a-z_]+", text)) <= known
    assert set(re.findall(r"409 `([a-z_]+)`", PAGE)) <= known
