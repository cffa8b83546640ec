"""The commands against a real server."""

import io
import json
import sys

import pytest
from client_cli_output import UNKNOWN, Capture, complaint, written
from client_running_server import RunningServer

from jobhopper import Client
from jobhopper.cli import main

pytestmark = pytest.mark.usefixtures("at_server")


@pytest.fixture
def at_server(monkeypatch: pytest.MonkeyPatch, server: RunningServer) -> None:
    monkeypatch.setenv("JOBHOPPER_URL", server.url)


def test_create_and_show(queue: str, capsys: Capture) -> None:
    assert main(["create", queue, "welcome", '{"to": "ada"}', "--priority", "1"]) == 0
    [id_] = written(capsys)
    assert main(["job", id_]) == 0
    shown = dict(line.split(maxsplit=1) for line in written(capsys))
    assert (shown["id"], shown["queue"], shown["type"]) == (id_, queue, "welcome")
    assert (shown["status"], shown["priority"]) == ("queued", "1")
    assert shown["payload"] == '{"to":"ada"}'


def test_create_from_standard_input(
    queue: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1, 2]"))
    assert main(["create", queue, "w", "-", "--json"]) == 0
    id_ = json.loads(written(capsys)[0])["id"]
    assert main(["job", id_, "--json"]) == 0
    assert json.loads(written(capsys)[0])["payload"] == [1, 2]


def test_create_for_later(queue: str, capsys: Capture) -> None:
    assert main(["create", queue, "w", "--run-at", "2090-01-01T00:00:00+01:00"]) == 0
    [id_] = written(capsys)
    assert main(["job", id_, "--json"]) == 0
    job = json.loads(written(capsys)[0])
    assert (job["status"], job["run_at"][:16]) == ("scheduled", "2089-12-31T23:00")


def test_a_failed_job_shows_its_attempts(client: Client, queue: str, capsys: Capture) -> None:
    client.create(queue, "w", max_attempts=1)
    [job] = client.claim(queue, worker="ada")
    error = {"type": "Oops", "message": "it broke", "traceback": "line 1\n\x1b[2J\n"}
    client.fail(job, error)
    assert main(["job", job.id]) == 0
    out = "\n".join(written(capsys))
    assert "1: failed" in out
    assert "on ada: Oops: it broke" in out
    assert "line 1" in out
    assert "\x1b" not in out


def test_jobs(client: Client, queue: str, capsys: Capture) -> None:
    ids = [client.create(queue, "w", n) for n in range(3)]
    assert main(["jobs", "--queue", queue, "--limit", "2"]) == 0
    headings, *rows = written(capsys)
    assert headings.split()[:4] == ["ID", "QUEUE", "TYPE", "STATUS"]
    assert [row.split()[0] for row in rows] == [ids[2], ids[1]]
    client.silence(ids[0])
    assert main(["jobs", "--queue", queue, "--silenced", "true", "--json"]) == 0
    assert [json.loads(line)["id"] for line in written(capsys)] == [ids[0]]


def test_top(client: Client, queue: str, capsys: Capture) -> None:
    client.create(queue, "w", "second")
    client.create(queue, "w", "first", priority=0)
    assert main(["top", queue, "-n", "1"]) == 0
    [_, row] = written(capsys)
    assert row.endswith('"first"')
    assert main(["top", queue, "--json"]) == 0
    payloads = [json.loads(line)["payload"] for line in written(capsys)]
    assert payloads == ["first", "second"]


def test_queues(client: Client, queue: str, capsys: Capture) -> None:
    client.create(queue, "w")
    client.change_queue(queue, paused=True)
    assert main(["queues"]) == 0
    headings, *rows = written(capsys)
    [row] = [row for row in rows if row.startswith(queue)]
    shown = dict(zip(headings.split()[:7], row.split()[:7], strict=True))
    assert (shown["QUEUED"], shown["RUNNING"], shown["FAILED"]) == ("1", "0", "0")
    assert row.endswith("yes")
    assert main(["queues", "--json"]) == 0
    by_name = {q["name"]: q for q in map(json.loads, written(capsys))}
    assert by_name[queue]["depth"]["queued"] == 1


def test_cancel_and_redrive(client: Client, queue: str, capsys: Capture) -> None:
    ids = [client.create(queue, "w") for _ in range(2)]
    assert main(["cancel", *ids]) == 0
    assert written(capsys) == [f"{id_}  cancelled" for id_ in ids]
    assert main(["redrive", ids[0], "--json"]) == 0
    assert json.loads(written(capsys)[0])["status"] == "queued"


def test_one_refused_id_does_not_hold_up_the_others(
    client: Client, queue: str, capsys: Capture
) -> None:
    id_ = client.create(queue, "w")
    assert main(["cancel", UNKNOWN, id_]) == 1
    out, err = capsys.readouterr()
    assert out == f"{id_}  cancelled\n"
    assert err.startswith(f"jobhopper: {UNKNOWN}: ")
    assert "not_found" in err


def test_waiting_for_a_job_that_does_not_end(client: Client, queue: str, capsys: Capture) -> None:
    id_ = client.create(queue, "w")
    assert main(["job", id_, "--wait", "0.2"]) == 1
    assert "still queued" in complaint(capsys)


def test_what_the_server_refuses_is_told_once(capsys: Capture) -> None:
    assert main(["create", "q", "t", "--priority", "77"]) == 1
    said = complaint(capsys)
    assert "/priority" in said
    assert said.count("77") <= 1
    assert said.count("<= 9") == 1
