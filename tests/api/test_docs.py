"""The pages about the HTTP API are held to the code: calls, limits, examples, error codes."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobhopper_core.model import access, limits

from .caller import Api
from .conftest import Start
from .doc_examples import Shell, examples, normal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "http-api.md").read_text()
ERRORS = (ROOT / "docs" / "errors.md").read_text()
Row = tuple[str, str, str]


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading."""
    part = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def span(low: float, high: float, unit: str = "") -> str:
    return f"{low:,} to {high:,}{unit}"


def limits_rows() -> list[Row]:
    """The table of limits as the code has them."""
    depth = f"nested at most {limits.DEPTH_MAX} levels"
    queue = limits.QUEUE_PATTERN.removeprefix("^").removesuffix(r"$(?!\n)")
    pattern = access.QUEUE_PATTERN_PATTERN.removeprefix("^").removesuffix(r"$(?!\n)")
    name = f"1 to {limits.NAME_MAX} characters, none of them a control character"
    hours = limits.IDEMPOTENCY_SECONDS // 3_600
    lease = f"the queue's: {limits.LEASE_DEFAULT} s"
    return [
        ("`queue`", f"`{queue}`", "required"),
        ("`type`; `name` of a key", name, "required"),
        ("`worker`", name, "`null`"),
        ("`payload`", f"any JSON up to {limits.PAYLOAD_MAX:,} bytes, {depth}", "`null`"),
        ("`result`", f"any JSON up to {limits.RESULT_MAX:,} bytes, {depth}", "`null`"),
        ("`error`", f"any JSON up to {limits.ERROR_MAX:,} bytes, {depth}", "`null`"),
        ("`progress`", f"any JSON up to {limits.PROGRESS_MAX:,} bytes, {depth}", "stays"),
        ("body of a request", f"{limits.BODY_MAX:,} bytes", "-"),
        ("head of a request", f"{limits.HEADER_MAX:,} bytes", "-"),
        ("`jobs` of a create, `updates`", span(1, limits.BATCH_MAX), "required"),
        (
            "`priority`",
            span(limits.PRIORITY_MIN, limits.PRIORITY_MAX),
            f"{limits.PRIORITY_DEFAULT}",
        ),
        (
            "`max_attempts`",
            span(limits.MAX_ATTEMPTS_MIN, limits.MAX_ATTEMPTS_MAX),
            f"the queue's: {limits.MAX_ATTEMPTS_DEFAULT}",
        ),
        ("`run_at`, `created_after`, `created_before`", "1970 to 2100", "now; any; any"),
        (
            "`Idempotency-Key`",
            f"1 to {limits.IDEMPOTENCY_KEY_MAX} printable characters of Latin-1, for {hours} h",
            "none",
        ),
        ("`traceparent`", f"up to {limits.TRACEPARENT_MAX} characters, else left out", "none"),
        ("`queues` of a claim", f"{span(1, limits.CLAIM_QUEUES_MAX)}, each once", "required"),
        ("`max` of a claim", span(1, limits.CLAIM_MAX), "1"),
        ("`lease` of a claim or queue", span(limits.LEASE_MIN, limits.LEASE_MAX, " s"), lease),
        ("`extend`", span(limits.LEASE_MIN, limits.LEASE_MAX, " s"), "-"),
        ("`wait` of a claim", span(0, limits.WAIT_MAX, " s"), "0 s"),
        (
            "`timeout`",
            span(0, limits.WAIT_MAX, " s"),
            f"5 s for a create, {limits.TIMEOUT_DEFAULT} s for a job's end",
        ),
        ("`retry_in`", span(0, limits.RETRY_IN_MAX, " s"), "the queue's backoff"),
        ("`base` of a backoff", span(0, 86_400, " s"), f"{limits.BACKOFF_BASE:g} s"),
        ("`factor` of a backoff", span(1, 100), f"{limits.BACKOFF_FACTOR:g}"),
        ("`max` of a backoff", span(0, limits.RETRY_IN_MAX, " s"), f"{limits.BACKOFF_MAX:,.0f} s"),
        ("`jitter` of a backoff", span(0, 1), f"{limits.BACKOFF_JITTER:g}"),
        (
            "`silence_after`",
            f"{span(limits.SILENCE_AFTER_MIN, limits.SILENCE_AFTER_MAX, ' s')}, or `null`",
            f"{limits.SILENCE_AFTER_DEFAULT:,} s",
        ),
        ("`limit`", span(1, limits.LIST_MAX), f"{limits.LIST_DEFAULT}"),
        ("`n` of the top", span(1, limits.TOP_MAX), f"{limits.TOP_DEFAULT}"),
        ("`error_contains`", "1 to 256 characters", "any"),
        ("patterns of a scope", f"{span(1, 100)}, each `{pattern}`", "required"),
        ("queues of an install", f"{limits.QUEUES_MAX:,}", "-"),
    ]


@pytest.fixture(scope="module")
def document(server: Any) -> Any:
    api = Api(server.port)
    found = api.get("/openapi.json").json
    api.close()
    return found


def test_every_call_is_on_the_page_with_its_scope_and_no_other(document: Any) -> None:
    described = {
        (f"{method.upper()} {path}", call["description"].removeprefix("Scope: ").removesuffix("."))
        for path, item in document["paths"].items()
        for method, call in item.items()
    }
    page = {(row[0].strip("`"), row[2].replace("`", "")) for row in rows(PAGE, "Calls")}
    assert page == described


def test_every_link_of_the_page_leads_somewhere() -> None:
    anchors = {h.lower().replace(" ", "-") for h in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
    for page in (PAGE, ERRORS):
        for link in re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", page):
            assert (ROOT / "docs" / link).exists(), link


def test_the_table_of_limits_is_that_of_the_code() -> None:
    assert [tuple(row) for row in rows(PAGE, "Limits")] == limits_rows()


def schema(document: Any, *path: str) -> Any:
    """The schema of a field: a component's name, then fields; unions are searched."""
    found = document["components"]["schemas"][path[0]]
    for name in path[1:]:
        found = resolved(document, found)
        found = next(
            one["properties"][name]
            for one in (found, *found.get("oneOf", ()))
            if name in one.get("properties", {})
        )
    found = resolved(document, found)
    return next((one for one in found.get("anyOf", ()) if one != {"type": "null"}), found)


def resolved(document: Any, found: Any) -> Any:
    name = found.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else found


def between(low: float, high: float) -> dict[str, float]:
    return {"minimum": low, "maximum": high}


STATED: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("NewJob", "queue"), {"maxLength": limits.NAME_MAX}),
    (("NewJob", "type"), {"minLength": 1, "maxLength": limits.NAME_MAX}),
    (
        ("NewJob", "payload"),
        {"x-maxBytes": limits.PAYLOAD_MAX, "x-maxDepth": limits.DEPTH_MAX},
    ),
    (
        ("NewJob", "priority"),
        between(limits.PRIORITY_MIN, limits.PRIORITY_MAX) | {"default": limits.PRIORITY_DEFAULT},
    ),
    (("NewJob", "max_attempts"), between(limits.MAX_ATTEMPTS_MIN, limits.MAX_ATTEMPTS_MAX)),
    (("NewJobs", "jobs"), {"minItems": 1, "maxItems": limits.BATCH_MAX}),
    (
        ("Claim", "queues"),
        {"minItems": 1, "maxItems": limits.CLAIM_QUEUES_MAX, "uniqueItems": True},
    ),
    (("Claim", "max"), between(1, limits.CLAIM_MAX) | {"default": 1}),
    (("Claim", "lease"), between(limits.LEASE_MIN, limits.LEASE_MAX)),
    (("Claim", "wait"), between(0, limits.WAIT_MAX) | {"default": 0}),
    (("Claim", "worker"), {"minLength": 1, "maxLength": limits.NAME_MAX}),
    (("WorkerUpdate", "result"), {"x-maxBytes": limits.RESULT_MAX}),
    (("WorkerUpdate", "error"), {"x-maxBytes": limits.ERROR_MAX}),
    (("WorkerUpdate", "progress"), {"x-maxBytes": limits.PROGRESS_MAX}),
    (("WorkerUpdate", "retry_in"), between(0, limits.RETRY_IN_MAX)),
    (("WorkerUpdate", "extend"), between(limits.LEASE_MIN, limits.LEASE_MAX)),
    (("BatchUpdate", "extend"), between(limits.LEASE_MIN, limits.LEASE_MAX)),
    (("BatchUpdates", "updates"), {"minItems": 1, "maxItems": limits.BATCH_MAX}),
    (("OperatorUpdate", "priority"), between(limits.PRIORITY_MIN, limits.PRIORITY_MAX)),
    (("QueueChange", "lease"), between(limits.LEASE_MIN, limits.LEASE_MAX)),
    (
        ("QueueChange", "silence_after"),
        between(limits.SILENCE_AFTER_MIN, limits.SILENCE_AFTER_MAX),
    ),
    (("QueueChange", "backoff", "base"), between(0, 86_400)),
    (("QueueChange", "backoff", "factor"), between(1, 100)),
    (("QueueChange", "backoff", "max"), between(0, limits.RETRY_IN_MAX)),
    (("QueueChange", "backoff", "jitter"), between(0, 1)),
    (("NewKey", "name"), {"minLength": 1, "maxLength": limits.NAME_MAX}),
    (("NewKey", "scopes", "read"), {"minItems": 1, "maxItems": 100}),
]


@pytest.mark.parametrize(("path", "stated"), STATED, ids=str)
def test_the_document_states_the_limits_of_the_code(
    document: Any, path: tuple[str, ...], stated: dict[str, Any]
) -> None:
    found = schema(document, *path)
    whole = found | {k: v for k, v in direct(document, path).items() if k == "default"}
    assert {name: whole.get(name) for name in stated} == stated


def direct(document: Any, path: tuple[str, ...]) -> Any:
    found = document["components"]["schemas"][path[0]]
    return found.get("properties", {}).get(path[1], {})


PARAMETERS: list[tuple[str, str, dict[str, Any]]] = [
    ("/v1/jobs", "limit", between(1, limits.LIST_MAX) | {"default": limits.LIST_DEFAULT}),
    ("/v1/jobs", "error_contains", {"minLength": 1, "maxLength": 256}),
    ("/v1/queues", "limit", between(1, limits.LIST_MAX) | {"default": limits.LIST_DEFAULT}),
    ("/v1/dead", "limit", between(1, limits.LIST_MAX) | {"default": limits.LIST_DEFAULT}),
    ("/v1/keys", "limit", between(1, limits.LIST_MAX) | {"default": limits.LIST_DEFAULT}),
    ("/v1/queues/{queue}/top", "n", between(1, limits.TOP_MAX) | {"default": limits.TOP_DEFAULT}),
    ("/v1/jobs/{id}", "timeout", between(0, limits.WAIT_MAX) | {"default": limits.TIMEOUT_DEFAULT}),
]


@pytest.mark.parametrize(("path", "name", "stated"), PARAMETERS)
def test_the_document_states_the_limits_of_parameters(
    document: Any, path: str, name: str, stated: dict[str, Any]
) -> None:
    (found,) = [p for p in document["paths"][path]["get"]["parameters"] if p["name"] == name]
    assert {key: found["schema"].get(key) for key in stated} == stated


def test_the_document_states_the_size_of_bodies_and_keys(document: Any) -> None:
    for item in document["paths"].values():
        for call in item.values():
            body = call.get("requestBody", {"x-maxBytes": limits.BODY_MAX})
            assert body["x-maxBytes"] == limits.BODY_MAX
    headers = {p["name"]: p["schema"] for p in document["paths"]["/v1/jobs"]["post"]["parameters"]}
    assert headers["Idempotency-Key"]["maxLength"] == limits.IDEMPOTENCY_KEY_MAX


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples call curl")
def test_the_examples_answer_what_the_page_shows(start: Start, tmp_path: Path) -> None:
    server = start()
    shell = Shell(f"http://127.0.0.1:{server.port}", tmp_path)
    shown = examples(PAGE)
    assert len(shown) > 12
    for example in shown:
        status, answer = shell.run(example.command)
        assert status == example.status, example.command
        if status is None:
            assert answer == example.answer.strip(), example.command
        else:
            assert normal(answer) == normal(json.loads(example.answer)), example.command
