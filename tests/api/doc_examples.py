"""Runs the examples of `docs/http-api.md` as they stand there."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_BLOCK = re.compile(r"```sh\n(.*?)```\n```(?:json (\d+)|text)\n(.*?)```", re.DOTALL)
_VARYING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"20(?:1|2)\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "<time>"),
    (re.compile(r"jl1\.[\w.-]+"), "<lease>"),
    (re.compile(r"jh_[a-z0-9]+_[\w-]+"), "<key>"),
    (re.compile(r'"id": "[0-9a-f]{12}"'), '"id": "<key id>"'),
    (re.compile(r'"version": "[^"]+"'), '"version": "<version>"'),
    (re.compile(r'"next": "[\w-]+"'), '"next": "<next>"'),
    (re.compile(r'"oldest_ready_age": [\d.]+'), '"oldest_ready_age": 0'),
)


class Example(NamedTuple):
    """A command, and the status and answer that the page shows for it."""

    command: str
    status: int | None
    answer: str


def examples(page: str) -> list[Example]:
    """All examples of a page that show an answer."""
    found = _BLOCK.findall(page)
    return [Example(command, int(status) if status else None, a) for command, status, a in found]


class Shell:
    """Runs commands one after another; what they answer fills the variables of later ones."""

    def __init__(self, url: str, folder: Path) -> None:
        (folder / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}\\n"\n')
        self._environment = os.environ | {"JOBHOPPER_URL": url, "CURL_HOME": str(folder)}

    def run(self, command: str) -> tuple[int | None, Any]:
        """The status and the answer of the last call in `command`."""
        done = subprocess.run(
            ["bash", "-eu", "-c", command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        *body, status = done.stdout.strip().rsplit("\n", 1)
        if not body:
            return None, done.stdout.strip()
        answer = list(_documents(body[0]))[-1]
        self._note(answer)
        return int(status), answer

    def _note(self, answer: Any) -> None:
        if "key" in answer:
            self._environment["KEY_ID"] = answer["id"]
        held = answer["jobs"][0] if answer.get("jobs") else answer
        if isinstance(held.get("lease"), dict):
            self._environment |= {"ID": held["id"], "LEASE": held["lease"]["token"]}


def normal(answer: Any) -> str:
    """An answer as text without what differs from run to run."""
    text = json.dumps(answer)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


def _documents(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
