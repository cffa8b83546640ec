"""SIGTERM and SIGINT: what was begun is answered, and the process ends with exit code 0."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from .caller import Api, Reply, head, parsed, read_all
from .conftest import Start
from .server import Server, await_waiters, environment
from .steps import Background, create, create_many, every, read

FEW_SECONDS = 4


def test_an_idle_server_ends_at_once_with_exit_code_0(start: Start) -> None:
    server = start()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    server.api().get("/livez")
    began = time.monotonic()
    server.terminate()
    assert server.ended() == 0
    assert time.monotonic() - began < 1.5
    for one in idle:
        one.close()


def test_ctrl_c_ends_it_just_so(start: Start) -> None:
    server = start()
    create(server.api(), "q")
    assert server.process.pid is not None
    os.kill(server.process.pid, signal.SIGINT)
    assert server.ended() == 0


def test_the_command_itself_serves_and_ends_with_exit_code_0(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("jobhopper"), "dev", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment()) as run:
        assert run.stdout is not None
        line = run.stdout.readline().decode()
        api = Api(int(line.split("://")[1].split()[0].rpartition(":")[2]))
        assert api.post("/v1/jobs", {"queue": "q", "type": "t"}).status == 201
        api.close()
        run.send_signal(signal.SIGTERM)
        assert run.wait(10) == 0
    assert (tmp_path / "jobhopper.db").exists()


def test_who_waits_for_the_end_of_a_job_is_answered_with_the_job_as_it_is(start: Start) -> None:
    server = start()
    api = server.api()
    id_ = create(api, "q")
    before = read(api, id_)
    with Background() as beside:
        waiting = [beside.get(api, f"/v1/jobs/{id_}?wait=finished&timeout=30") for _ in range(3)]
        claims = beside.claim(api, "other", wait=30)
        await_waiters(api, 1)
        time.sleep(0.2)
        began = time.monotonic()
        server.terminate()
        assert [one.result()[0].json for one in waiting] == [before] * 3
        assert claims.result()[0] == []
    assert time.monotonic() - began < 1
    assert server.ended() == 0


def test_a_request_whose_body_is_under_way_is_answered(start: Start) -> None:
    server = start()
    body = b'{"queue":"q","type":"t"}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head("POST", "/v1/jobs", *lines) + body[:9])
        server.api().get("/livez")
        server.terminate()
        time.sleep(0.3)
        connection.sendall(body[9:])
        reply = parsed(read_all(connection))
    assert (reply.status, reply.headers["connection"]) == (201, "close")
    assert server.ended() == 0


def test_a_body_that_never_comes_does_not_hold_up_the_end(start: Start) -> None:
    server = start()
    lines = ("Content-Type: application/json", "Content-Length: 100")
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head("POST", "/v1/jobs", *lines) + b"{")
        server.api().get("/livez")
        began = time.monotonic()
        server.terminate()
        assert parsed(read_all(connection)).code == "request_timeout"
    assert server.ended() == 0
    assert time.monotonic() - began < FEW_SECONDS


def test_what_was_answered_under_load_is_there_after_the_restart(start: Start) -> None:
    server = start()
    replies, errors = under_load(server, seconds=0.5)
    made = [one["id"] for reply in replies for one in reply.json["jobs"]]
    assert len(made) >= 20
    assert server.ended() == 0
    assert {reply.status for reply in replies} == {201}
    # A connection may be closed between two requests; a request is never half answered.
    assert all(isinstance(error, ConnectionError) for error in errors)
    api = start().api()
    there = {job["id"]: job["status"] for job in every(api)}
    assert {there.get(id_) for id_ in made} == {"queued"}


def under_load(server: Server, seconds: float) -> tuple[list[Reply], list[Exception]]:
    """Creates from four threads until SIGTERM, sent after `seconds`, has ended the server."""
    replies: list[Reply] = []
    errors: list[Exception] = []

    def produce() -> None:
        api = server.api()
        body = {"jobs": [{"queue": "q", "type": "t"} for _ in range(5)]}
        while True:
            try:
                replies.append(api.post("/v1/jobs", body))
            except Exception as error:  # noqa: BLE001 - told to the test
                errors.append(error)
                return

    threads = [threading.Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.terminate()
    for thread in threads:
        thread.join()
    return replies, errors


def test_the_database_is_closed_and_whole(start: Start) -> None:
    server = start()
    create_many(server.api(), "q", 50)
    server.stop()
    # Closing moves the journal into the database, so that the file alone is a copy.
    assert not (server.folder / "jobs.db-wal").exists()


@pytest.mark.parametrize("times", [2, 5])
def test_being_told_more_than_once_changes_nothing(start: Start, times: int) -> None:
    server = start()
    for _ in range(times):
        server.terminate()
    assert server.ended() == 0
