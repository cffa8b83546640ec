"""The work: compiles a module's source in memory and counts what is in it."""

import ast
import json
import sys
import time
import warnings
from collections.abc import Iterator

from jobhopper.claimed_job import ClaimedJob
from jobhopper.demo.library import LIBRARY
from jobhopper.demo.plan import FLAKY, MEASURE, MISSING, SLOW
from jobhopper.json_text import Json
from jobhopper.worker import Handler, Retry

_RETRY_IN = 0.3
# Far longer than it takes to be killed; ended early where that does not come.
_SLOW_SECONDS = 30.0
_NAP = 0.05


def measure(job: ClaimedJob) -> Json:
    """Lines, bytes, functions, classes and the time to compile, of the payload's file."""
    file = job.payload["file"]
    source = (LIBRARY / file).read_bytes()
    began = time.perf_counter()
    tree = _compiled(source, file)
    compile_ms = (time.perf_counter() - began) * 1000
    nodes = list(_definitions(tree.body))
    classes = sum(isinstance(node, ast.ClassDef) for node in nodes)
    return {
        "file": file,
        "lines": source.count(b"\n"),
        "bytes": len(source),
        "functions": len(nodes) - classes,
        "classes": classes,
        "compile_ms": round(compile_ms, 2),
    }


def measure_flaky(job: ClaimedJob) -> Json:
    """Fails at first."""
    if job.attempt == 1:
        raise Retry("the first attempt fails, as planned", in_=_RETRY_IN)
    return measure(job)


def measure_missing(job: ClaimedJob) -> Json:
    """Fails always, soon to be tried again."""
    try:
        return measure(job)
    except FileNotFoundError as error:
        raise Retry(in_=_RETRY_IN) from error


def measure_slow(job: ClaimedJob) -> Json:
    """At first, tells on standard output that it holds the job, and takes its time."""
    if job.attempt == 1:
        sys.stdout.write(json.dumps({"holds": job.id}) + "\n")
        sys.stdout.flush()
        end = time.monotonic() + _SLOW_SECONDS
        while time.monotonic() < end and not job.cancelled:
            time.sleep(_NAP)
    return measure(job)


HANDLERS: dict[str, Handler] = {
    MEASURE: measure,
    FLAKY: measure_flaky,
    MISSING: measure_missing,
    SLOW: measure_slow,
}


def _compiled(source: bytes, file: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, file)
        compile(tree, file, "exec")
    return tree


def _definitions(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Functions and classes at any depth; only statements can hold them."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        for block in _blocks(node):
            yield from _definitions(block)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for name in ("handlers", "cases"):
        for inner in getattr(node, name, []):
            yield inner.body
