"""The command line: what it writes, and that it complains in one line with an exit code."""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from client_cli_output import complaint, written
from client_fake_http import answer, problem, serving, text
from client_running_server import environment

from jobhopper import __version__
from jobhopper.cli import main
from jobhopper.commands import registry
from stack.ports import free_port

Capture = pytest.CaptureFixture[str]

UNKNOWN = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBHOPPER_KEY", raising=False)
    monkeypatch.delenv("JOBHOPPER_URL", raising=False)


def _fake_entry_points(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    def found(group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "jobhopper.commands"
        return [entry for entry in entries if name in {None, entry.name}]

    monkeypatch.setattr(registry, "entry_points", found)


def test_version(capsys: Capture) -> None:
    for argv in (["version"], ["--version"]):
        assert main(argv) == 0
        assert written(capsys) == [f"jobhopper {__version__}"]
    assert main(["version", "--json"]) == 0
    assert json.loads(written(capsys)[0]) == {"version": __version__}


def test_help_lists_every_command(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0] for line in written(capsys) if line.startswith("  ")}
    assert listed == set(registry.SUMMARIES)


def test_no_command_shows_the_help_and_is_an_error(capsys: Capture) -> None:
    assert main([]) == 2
    assert "usage: jobhopper COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in registry.SUMMARIES if name != "dev"])
def test_every_command_explains_itself(name: str, capsys: Capture) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: jobhopper {name}")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["fly"], 'no command "fly"'),
        (["create"], "QUEUE"),
        (["create", "q", "t", "--priority", "high"], "--priority"),
        (["create", "q", "t", "{"], "not JSON"),
        (["create", "q", "t", "--run-at", "soon"], "2026-11-24T06:00:00Z"),
        (["create", "q", "t", "--run-at", "2026-11-24T06:00:00"], "time zone"),
        (["jobs", "--limit", "0"], "--limit"),
        (["jobs", "--silenced", "maybe"], "--silenced"),
        (["jobs", "--url", "localhost"], "JOBHOPPER_URL"),
        (["cancel"], "ID"),
        (["dead"], "action"),
        (["dead", "bury"], "bury"),
        (["dead", "resend"], "ID"),
        (["dead", "drop"], "ID"),
        (["dead", "list", "x"], "ID"),
    ],
)
def test_called_wrongly(argv: list[str], said: str, capsys: Capture) -> None:
    assert main(argv) == 2
    assert said in complaint(capsys)


@pytest.mark.parametrize(
    "argv", [["jobs"], ["job", UNKNOWN], ["queues"], ["create", "q", "t"], ["cancel", UNKNOWN]]
)
def test_no_server(argv: list[str], capsys: Capture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main([*argv, "--url", url]) == 3
    said = complaint(capsys)
    assert url in said
    assert "jobhopper dev" in said


def test_a_busy_server(capsys: Capture) -> None:
    with serving(problem(503, "unavailable", "MySQL is away.", Retry_After="60")) as server:
        assert main(["jobs", "--url", server.url]) == 3
    assert "MySQL is away. [unavailable]" in complaint(capsys)


def test_not_a_jobhopper_server(capsys: Capture) -> None:
    with serving(text(200, b"<html>")) as server:
        assert main(["jobs", "--url", server.url]) == 1
    assert "does not answer like a Jobhopper server" in complaint(capsys)


def test_the_key_is_not_shown(capsys: Capture) -> None:
    with serving(problem(401, "unauthorized")) as server:
        assert main(["jobs", "--url", server.url, "--key", "jh_a_secret"]) == 1
        assert server.seen[0].headers["Authorization"] == "Bearer jh_a_secret"
    assert "secret" not in complaint(capsys)


def test_dev_without_the_embedded_server(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _fake_entry_points(monkeypatch)
    assert main(["dev"]) == 2
    assert 'pip install "jobhopper[dev]"' in complaint(capsys)


def test_demo_without_the_embedded_server(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _fake_entry_points(monkeypatch)
    assert main(["demo"]) == 1
    assert 'pip install "jobhopper[dev]"' in complaint(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_command_of_another_package_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    entry = EntryPoint("echo", "jobhopper.commands.version:main", "jobhopper.commands")
    _fake_entry_points(monkeypatch, entry)
    assert main(["echo", "--json"]) == 0
    assert json.loads(written(capsys)[0]) == {"version": __version__}
    assert main(["help"]) == 0
    assert "  echo" in written(capsys)


def test_a_command_of_another_package_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _fake_entry_points(monkeypatch, EntryPoint("echo", "no_such_package:main", "g"))
    assert main(["echo"]) == 1
    assert "no_such_package" in complaint(capsys)


def _run(*argv: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobhopper", *argv]
    return subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, timeout=30, check=False
    )


def test_as_a_process() -> None:
    done = _run("jobs", JOBHOPPER_URL=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_leaves_early() -> None:
    """As in `jobhopper jobs | head`: no traceback, though the pipe is broken."""
    job: dict[str, Any] = {"id": "x" * 1_000, "status": "queued"}
    page = answer(200, {"jobs": [job] * 400, "next": None})
    with serving(page) as server:
        command = f"{sys.executable} -m jobhopper jobs --json --limit 400 --url {server.url}"
        done = subprocess.run(
            ["bash", "-c", f"{command} | head -n 1"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert json.loads(done.stdout)["status"] == "queued"
    assert done.stderr == ""


def test_the_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    page = answer(200, {"jobs": [{"id": "x" * 36, "status": "q", "error": "e" * 99}], "next": None})
    with serving(page) as server:
        assert main(["jobs", "--url", server.url]) == 0
    assert [len(line) for line in written(capsys)] == [60, 60]
