"""The command line: what it writes, and that it complains in one line with an exit code."""

import io
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from fake_http import answer, problem, serving, text
from running_server import RunningServer, environment, free_port

from jobhopper import Client, __version__
from jobhopper.cli import main
from jobhopper.commands import registry

Capture = pytest.CaptureFixture[str]

UNKNOWN = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBHOPPER_KEY", raising=False)
    monkeypatch.delenv("JOBHOPPER_URL", raising=False)


@pytest.fixture
def at_server(monkeypatch: pytest.MonkeyPatch, server: RunningServer) -> None:
    monkeypatch.setenv("JOBHOPPER_URL", server.url)


def _complaint(capture: Capture) -> str:
    """The one line on standard error; nothing may stand on standard output."""
    out, err = capture.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("jobhopper: ")
    return line


def _written(capture: Capture) -> list[str]:
    out, err = capture.readouterr()
    assert err == ""
    return out.splitlines()


def _fake_entry_points(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    def found(group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "jobhopper.commands"
        return [entry for entry in entries if name in {None, entry.name}]

    monkeypatch.setattr(registry, "entry_points", found)


def test_version(capsys: Capture) -> None:
    for argv in (["version"], ["--version"]):
        assert main(argv) == 0
        assert _written(capsys) == [f"jobhopper {__version__}"]
    assert main(["version", "--json"]) == 0
    assert json.loads(_written(capsys)[0]) == {"version": __version__}


def test_help_lists_every_command(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0] for line in _written(capsys) if line.startswith("  ")}
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
    ],
)
def test_called_wrongly(argv: list[str], said: str, capsys: Capture) -> None:
    assert main(argv) == 2
    assert said in _complaint(capsys)


@pytest.mark.parametrize(
    "argv", [["jobs"], ["job", UNKNOWN], ["queues"], ["create", "q", "t"], ["cancel", UNKNOWN]]
)
def test_no_server(argv: list[str], capsys: Capture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main([*argv, "--url", url]) == 3
    complaint = _complaint(capsys)
    assert url in complaint
    assert "jobhopper dev" in complaint


def test_a_busy_server(capsys: Capture) -> None:
    with serving(problem(503, "unavailable", "MySQL is away.", Retry_After="60")) as server:
        assert main(["jobs", "--url", server.url]) == 3
    assert "MySQL is away. [unavailable]" in _complaint(capsys)


def test_not_a_jobhopper_server(capsys: Capture) -> None:
    with serving(text(200, b"<html>")) as server:
        assert main(["jobs", "--url", server.url]) == 1
    assert "does not answer like a Jobhopper server" in _complaint(capsys)


def test_the_key_is_not_shown(capsys: Capture) -> None:
    with serving(problem(401, "unauthorized")) as server:
        assert main(["jobs", "--url", server.url, "--key", "jh_a_secret"]) == 1
        assert server.seen[0].headers["Authorization"] == "Bearer jh_a_secret"
    assert "secret" not in _complaint(capsys)


def test_dev_without_the_embedded_server(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _fake_entry_points(monkeypatch)
    assert main(["dev"]) == 2
    assert 'pip install "jobhopper[dev]"' in _complaint(capsys)


def test_demo_without_the_embedded_server(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _fake_entry_points(monkeypatch)
    assert main(["demo"]) != 0
    assert 'pip install "jobhopper[dev]"' in capsys.readouterr().err


def test_a_command_of_another_package_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    entry = EntryPoint("echo", "jobhopper.commands.version:main", "jobhopper.commands")
    _fake_entry_points(monkeypatch, entry)
    assert main(["echo", "--json"]) == 0
    assert json.loads(_written(capsys)[0]) == {"version": __version__}
    assert main(["help"]) == 0
    assert "  echo" in _written(capsys)


def test_a_command_of_another_package_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _fake_entry_points(monkeypatch, EntryPoint("echo", "no_such_package:main", "g"))
    assert main(["echo"]) == 1
    assert "no_such_package" in _complaint(capsys)


@pytest.mark.usefixtures("at_server")
class TestOnServer:
    def test_create_and_show(self, queue: str, capsys: Capture) -> None:
        assert main(["create", queue, "welcome", '{"to": "ada"}', "--priority", "1"]) == 0
        [id_] = _written(capsys)
        assert main(["job", id_]) == 0
        shown = dict(line.split(maxsplit=1) for line in _written(capsys))
        assert (shown["id"], shown["queue"], shown["type"]) == (id_, queue, "welcome")
        assert (shown["status"], shown["priority"]) == ("queued", "1")
        assert shown["payload"] == '{"to":"ada"}'

    def test_create_from_standard_input(
        self, queue: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("[1, 2]"))
        assert main(["create", queue, "w", "-", "--json"]) == 0
        id_ = json.loads(_written(capsys)[0])["id"]
        assert main(["job", id_, "--json"]) == 0
        assert json.loads(_written(capsys)[0])["payload"] == [1, 2]

    def test_create_for_later(self, queue: str, capsys: Capture) -> None:
        assert main(["create", queue, "w", "--run-at", "2090-01-01T00:00:00+01:00"]) == 0
        [id_] = _written(capsys)
        assert main(["job", id_, "--json"]) == 0
        job = json.loads(_written(capsys)[0])
        assert (job["status"], job["run_at"][:16]) == ("scheduled", "2089-12-31T23:00")

    def test_a_failed_job_shows_its_attempts(
        self, client: Client, queue: str, capsys: Capture
    ) -> None:
        client.create(queue, "w", max_attempts=1)
        [job] = client.claim(queue, worker="ada")
        error = {"type": "Oops", "message": "it broke", "traceback": "line 1\n\x1b[2J\n"}
        client.fail(job, error)
        assert main(["job", job.id]) == 0
        out = "\n".join(_written(capsys))
        assert "1: failed" in out
        assert "on ada: Oops: it broke" in out
        assert "line 1" in out
        assert "\x1b" not in out

    def test_jobs(self, client: Client, queue: str, capsys: Capture) -> None:
        ids = [client.create(queue, "w", n) for n in range(3)]
        assert main(["jobs", "--queue", queue, "--limit", "2"]) == 0
        headings, *rows = _written(capsys)
        assert headings.split()[:4] == ["ID", "QUEUE", "TYPE", "STATUS"]
        assert [row.split()[0] for row in rows] == [ids[2], ids[1]]
        client.silence(ids[0])
        assert main(["jobs", "--queue", queue, "--silenced", "true", "--json"]) == 0
        assert [json.loads(line)["id"] for line in _written(capsys)] == [ids[0]]

    def test_top(self, client: Client, queue: str, capsys: Capture) -> None:
        client.create(queue, "w", "second")
        client.create(queue, "w", "first", priority=0)
        assert main(["top", queue, "-n", "1"]) == 0
        [_, row] = _written(capsys)
        assert row.endswith('"first"')
        assert main(["top", queue, "--json"]) == 0
        payloads = [json.loads(line)["payload"] for line in _written(capsys)]
        assert payloads == ["first", "second"]

    def test_queues(self, client: Client, queue: str, capsys: Capture) -> None:
        client.create(queue, "w")
        client.change_queue(queue, paused=True)
        assert main(["queues"]) == 0
        headings, *rows = _written(capsys)
        [row] = [row for row in rows if row.startswith(queue)]
        shown = dict(zip(headings.split()[:7], row.split()[:7], strict=True))
        assert (shown["QUEUED"], shown["RUNNING"], shown["FAILED"]) == ("1", "0", "0")
        assert row.endswith("yes")
        assert main(["queues", "--json"]) == 0
        by_name = {q["name"]: q for q in map(json.loads, _written(capsys))}
        assert by_name[queue]["depth"]["queued"] == 1

    def test_cancel_and_redrive(self, client: Client, queue: str, capsys: Capture) -> None:
        ids = [client.create(queue, "w") for _ in range(2)]
        assert main(["cancel", *ids]) == 0
        assert _written(capsys) == [f"{id_}  cancelled" for id_ in ids]
        assert main(["redrive", ids[0], "--json"]) == 0
        assert json.loads(_written(capsys)[0])["status"] == "queued"

    def test_one_refused_id_does_not_hold_up_the_others(
        self, client: Client, queue: str, capsys: Capture
    ) -> None:
        id_ = client.create(queue, "w")
        assert main(["cancel", UNKNOWN, id_]) == 1
        out, err = capsys.readouterr()
        assert out == f"{id_}  cancelled\n"
        assert err.startswith(f"jobhopper: {UNKNOWN}: ")
        assert "not_found" in err

    def test_waiting_for_a_job_that_does_not_end(
        self, client: Client, queue: str, capsys: Capture
    ) -> None:
        id_ = client.create(queue, "w")
        assert main(["job", id_, "--wait", "0.2"]) == 1
        assert "still queued" in _complaint(capsys)

    def test_what_the_server_refuses_is_told_once(self, capsys: Capture) -> None:
        assert main(["create", "q", "t", "--priority", "77"]) == 1
        complaint = _complaint(capsys)
        assert "/priority" in complaint
        assert complaint.count("77") <= 1
        assert complaint.count("<= 9") == 1


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
    assert [len(line) for line in _written(capsys)] == [60, 60]
