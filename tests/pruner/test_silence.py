"""`jobhopper-pruner silence` and `unsilence` on a real MySQL."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis

from jobhopper_core.flows.refill import Refill
from jobhopper_core.hopper.commands import HopperCommands
from jobhopper_core.hopper.link import HopperLink
from jobhopper_core.hopper.names import Names
from jobhopper_core.model.job import Demand
from jobhopper_core.model.times import SECOND
from jobhopper_core.store.claim import claim
from jobhopper_core.store.server_database import ServerDatabase
from stack.containers.container import Container

from .conftest import PRUNER, Pruner
from .table import Table

LINE = re.compile(r"Run (\d+): (\d+) jobs seen, (\d+) (?:would be )?silenced, (\d+) of them")


def numbers(out: str) -> tuple[int, int, int]:
    """Seen, silenced, and unfinished, as the last line says."""
    found = LINE.search(out)
    assert found, out
    return int(found[2]), int(found[3]), int(found[4])


def test_what_is_stale_is_silenced_and_nothing_else(table: Table, pruner: Pruner) -> None:
    for status in ("queued", "scheduled", "succeeded", "failed", "cancelled"):
        table.add(3, "old", status, age=31)
        table.add(3, "young", status, age=29)
    table.add(2, "old", "running", age=31)
    table.add(2, "ahead", "scheduled", age=31, due_in=5)
    table.add(2, "due lately", "scheduled", age=31, due_in=-29)
    out, _ = pruner.run("silence")
    assert numbers(out)[1:] == (15, 6)
    assert table.silenced("queue = 'old' AND status <> 'running'") == 15
    assert table.silenced() == 15
    (run,) = table.rows("SELECT silenced, unfinished, finished_at IS NULL FROM prune_runs")
    assert run == (15, 6, 0)
    assert table.one("SELECT COUNT(*) FROM jobs WHERE status = 'running' AND lease_until > 0") == 2


def test_each_queue_says_when_its_jobs_are_stale(table: Table, pruner: Pruner) -> None:
    for queue in ("short", "long", "never", "paused", "usual"):
        table.add(4, queue, "queued", age=2)
        table.add(4, queue, "queued", age=40)
        table.add(4, queue, "queued", age=100)
    table.set("short", silence_after=86_400)
    table.set("long", silence_after=90 * 86_400)
    table.set("never", silence_after=None)
    table.set("paused", paused=True)
    pruner.run("silence")
    by_queue = dict(table.rows("SELECT queue, SUM(silenced) FROM jobs GROUP BY queue"))
    assert by_queue == {"short": 12, "long": 4, "never": 0, "paused": 0, "usual": 8}


def test_a_dry_run_counts_and_changes_nothing(table: Table, pruner: Pruner) -> None:
    table.add(5_000, status="succeeded")
    table.add(10, status="queued")
    before = table.all()
    out, _ = pruner.run("silence", "--dry-run")
    assert numbers(out) == (5_010, 5_010, 10)
    assert "would be silenced" in out
    assert table.all() == before


def test_a_second_run_finds_nothing(table: Table, pruner: Pruner) -> None:
    table.add(3_000, status="succeeded")
    assert numbers(pruner.run("silence")[0]) == (3_000, 3_000, 0)
    jobs = table.rows("SELECT * FROM jobs ORDER BY id")
    assert numbers(pruner.run("silence")[0]) == (3_000, 0, 0)
    assert table.rows("SELECT * FROM jobs ORDER BY id") == jobs
    assert table.one("SELECT COUNT(*) FROM prune_runs WHERE finished_at IS NOT NULL") == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    table: Table, pruner: Pruner, how: signal.Signals
) -> None:
    table.add(40_000, status="succeeded")
    with pruner.begin("silence") as process:
        while not table.rows("SELECT 1 FROM prune_runs WHERE seen > 0"):
            time.sleep(0.005)
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
    if how is signal.SIGTERM:
        assert (process.returncode, out) == (3, "")
        assert err.splitlines()[-1] == (
            "jobhopper-pruner: stopped; the next run goes on from here."
        )
    ((id_, seen, silenced),) = table.rows("SELECT id, seen, silenced FROM prune_runs")
    assert 0 < seen < 40_000
    assert table.silenced() == silenced == seen
    out, _ = pruner.run("silence")
    assert out.startswith(f"Run {id_}: ")
    assert numbers(out) == (40_000, 40_000, 0)
    assert table.silenced() == 40_000
    assert table.one("SELECT COUNT(*) FROM prune_runs") == 1


def test_unsilencing_restores_what_is_asked_for(table: Table, pruner: Pruner) -> None:
    for queue in ("a", "b"):
        for status in ("queued", "scheduled", "failed"):
            table.add(5, queue, status, age=60)
    assert numbers(pruner.run("silence")[0])[1] == 30
    first = table.one("SELECT id FROM prune_runs")
    table.add(5, "a", "failed", age=60)
    second_out, _ = pruner.run("silence")
    assert numbers(second_out)[1] == 5
    touched = table.one("SELECT MAX(updated_at) FROM jobs")
    assert pruner.run("unsilence", "--queue", "b", "--status", "queued")[0] == (
        "5 jobs are heard again.\n"
    )
    assert table.silenced("queue = 'b' AND status = 'queued'") == 0
    assert table.silenced() == 30
    assert table.one("SELECT MIN(updated_at) FROM jobs WHERE silenced = 0") > touched
    assert table.one("SELECT COUNT(*) FROM jobs WHERE ready_queue = 'b'") == 5
    assert pruner.run("unsilence", "--run", str(first))[0].startswith("25 jobs")
    assert table.silenced() == 5
    assert table.one("SELECT COUNT(*) FROM jobs WHERE due_at = run_at") == 10
    assert pruner.run("unsilence")[0].startswith("5 jobs")
    assert table.silenced() == 0
    # What was just heard again is not stale.
    assert numbers(pruner.run("silence")[0])[1] == 0


def test_a_job_ahead_stays_scheduled(table: Table, pruner: Pruner) -> None:
    table.add(4, status="scheduled", age=60, due_in=10)
    columns = "id, status, run_at, due_at, silenced"
    before = table.rows(f"SELECT {columns} FROM jobs ORDER BY id")
    table.silence_by_hand("q", "scheduled", 4)
    assert pruner.run("unsilence", "--status", "scheduled")[0].startswith("4 jobs")
    assert table.rows(f"SELECT {columns} FROM jobs ORDER BY id") == before


def test_silenced_jobs_leave_the_hopper_and_come_back(
    table: Table, database: ServerDatabase, url: str, valkey_url: str
) -> None:
    table.add(20, "full", "queued", age=60)
    table.add(5, "full", "queued", age=1)
    link = HopperLink(valkey_url, HopperCommands(Names()))
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        Refill(database, link).run("full", from_start=True)
        assert client.zcard("jh:{full}:ready") == 25
        Pruner(url, valkey_url).run("silence")
        assert client.zcard("jh:{full}:ready") == 5
        Pruner(url, valkey_url).run("unsilence")
        assert client.zcard("jh:{full}:ready") == 25
        client.flushall()
    link.close()


def test_no_progress_is_told_where_nobody_looks(table: Table, pruner: Pruner) -> None:
    table.add(10)
    out, err = pruner.run("silence", JOBHOPPER_LOG_LEVEL="warning")
    assert len(out.splitlines()) == 1
    assert err == ""


def test_a_terminal_shows_a_bar_that_fills(table: Table, url: str) -> None:
    table.add(30_000, status="succeeded")
    table.add(500, age=1)
    screen = on_terminal([str(PRUNER), "silence"], {"JOBHOPPER_MYSQL_URL": url})
    assert "jobs seen" in screen
    steps = [int(n) for n in re.findall(r"(\d+)/\d+", screen)]
    assert len(set(steps)) > 2
    assert "30000/30000" in screen
    assert "30000 changed" in screen
    assert "30000 silenced" in screen


def on_terminal(command: list[str], settings: dict[str, str]) -> str:
    """All that a command shows on a terminal of 100 columns."""
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "JOBHOPPER_LOG_LEVEL": "warning"}
    shown = b""
    with subprocess.Popen(
        command, env=environment | settings, stdin=other, stdout=other, stderr=other
    ) as process:
        os.close(other)
        while process.poll() is None or select.select([own], [], [], 0.1)[0]:
            try:
                shown += os.read(own, 65_536)
            except OSError:
                break
    os.close(own)
    assert process.returncode == 0, shown
    return shown.decode()


WRONG = [
    ({"JOBHOPPER_MYSQL_URL": ""}, ["silence"], "JOBHOPPER_MYSQL_URL is missing"),
    ({"JOBHOPPER_MYSQL_URL": "x://"}, ["silence"], "JOBHOPPER_MYSQL_URL must read mysql://"),
    ({"JOBHOPPER_REDIS_URL": "x://"}, ["silence"], "JOBHOPPER_REDIS_URL must read redis://"),
    (
        {"JOBHOPPER_MYSQL_URL": "mysql://u:p@127.0.0.1:1/d?ssl_ca=/nowhere"},
        ["silence"],
        "JOBHOPPER_MYSQL_URL names /nowhere as the authority",
    ),
    ({"JOBHOPPER_METRICS_LISTEN": "x"}, ["silence"], "JOBHOPPER_METRICS_LISTEN is 'x'"),
    ({"JOBHOPPER_LOG_LEVEL": "loud"}, ["silence"], "JOBHOPPER_LOG_LEVEL is 'loud'"),
    ({"JOBHOPPER_QUEUE": "x"}, ["silence"], "There is no setting JOBHOPPER_QUEUE"),
    ({}, ["unsilence", "--run", "17"], "There is no run 17."),
    ({}, ["unsilence", "--silenced-after", "soon"], "--silenced-after must be a time"),
]


@pytest.mark.parametrize(("settings", "arguments", "said"), WRONG)
def test_what_is_wrong_is_one_clear_line(
    pruner: Pruner, settings: dict[str, str], arguments: list[str], said: str
) -> None:
    out, err = pruner.run(*arguments, code=2, **settings)
    assert out == ""
    assert err.startswith(f"jobhopper-pruner: {said}")
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_mysql_is_waited_for(table: Table, pruner: Pruner, mysql: Container) -> None:
    table.add(40_000, status="succeeded")
    with pruner.begin("silence") as process:
        while not table.rows("SELECT 1 FROM prune_runs WHERE seen > 0"):
            time.sleep(0.005)
        with mysql.killed():
            time.sleep(3)
            assert process.poll() is None
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert numbers(out) == (40_000, 40_000, 0)
    with mysql.killed(), pruner.begin("silence") as late:
        time.sleep(2)
        assert late.poll() is None
        mysql.start()
        out, err = late.communicate(timeout=60)
    assert (late.returncode, numbers(out)) == (0, (40_000, 0, 0))
    assert '"event":"waiting"' in err


@pytest.mark.timed
@pytest.mark.slow
def test_claims_go_on_while_many_jobs_are_silenced(
    table: Table, pruner: Pruner, database: ServerDatabase
) -> None:
    """Run with `-s` to see the numbers; the bounds are for a machine that does much else."""
    for i in range(3):
        table.add(100_000, status="succeeded", age=60 - i)
    table.add(6_000, "live", age=1)
    alone = claims_for(database, 3.0)
    with pruner.begin("silence") as process, ThreadPoolExecutor(1) as beside:
        began = time.monotonic()
        meanwhile = beside.submit(claims_until, database, process)
        out, _ = process.communicate(timeout=120)
        seconds = time.monotonic() - began
    assert numbers(out) == (300_000, 300_000, 0)
    quick, slow = p99(alone), p99(meanwhile.result())
    sys.stdout.write(f"300,000 rows: {seconds:.1f} s; claims' p99 {quick:.0f}, {slow:.0f} ms\n")
    assert seconds <= 40
    assert slow < 250


def claims_until(database: ServerDatabase, process: "subprocess.Popen[str]") -> list[float]:
    times: list[float] = []
    while process.poll() is None:
        times += claims_for(database, 0.2)
    return times


def claims_for(database: ServerDatabase, seconds: float) -> list[float]:
    """What claims of one job take, one after the other, in ms."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        verb = partial(claim, queue="live", demands=[Demand(1, 60 * SECOND, None)])
        database.write(verb).result()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.002)
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]
