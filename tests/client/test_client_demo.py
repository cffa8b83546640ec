"""The demo as a reader runs it: its output is true, and it leaves no process behind."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import urllib3
from client_running_server import NewServer, RunningServer, environment

from jobhopper import Client, Conflict
from jobhopper.demo.library import files
from stack.ports import free_port

pytestmark = pytest.mark.slow

_PROGRAM = Path(sys.executable).with_name("jobhopper")
_TOTAL = len(files()) + 5


def _start(
    folder: Path, *arguments: str, run: tuple[str, ...] = (str(_PROGRAM), "demo")
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*run, *arguments],
        env=environment({"TMPDIR": str(folder), "COLUMNS": "100"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A job in the background ignores SIGINT, one under `nohup` SIGHUP; children inherit that.
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it calls C functions alone
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _left(folder: Path) -> list[psutil.Process]:
    """The processes that know of the demo's folder: it is in the environment of all of them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(holds: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.05)


def _count(output: str, name: str) -> int:
    found = re.search(rf"^ *([\d,]+)  {name}\b", output, re.MULTILINE)
    assert found, f"no count of {name} in\n{output}"
    return int(found[1].replace(",", ""))


def _commands(output: str) -> list[list[str]]:
    behind = output[output.index("What to try next") :]
    return [shlex.split(line) for line in behind.splitlines()[1:] if "#" not in line]


def test_on_a_server_of_its_own(tmp_path: Path) -> None:
    began = time.monotonic()
    demo = _start(tmp_path)
    output, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 0, complaints
    assert time.monotonic() - began < 40
    assert complaints == ""
    assert _count(output, "done") == _TOTAL - 5
    assert _count(output, "failed") == 5
    assert _count(output, "retried") >= 10
    assert _count(output, "taken over") >= 1
    assert _count(output, "lines of code") > 100_000
    text = " ".join(output.split())
    takeover = re.search(
        r"was begun by (worker-\d), which was killed with -9 .* and (worker-\d)", text
    )
    assert takeover
    assert takeover[1] != takeover[2]
    assert _left(tmp_path) == []
    _try_the_commands(output, tmp_path)


def _try_the_commands(output: str, folder: Path) -> None:
    """What is printed at the end works as it stands, but for the port, which may be taken here."""
    dev, jobs, redrive = _commands(output)
    port = str(free_port())
    url = {"JOBHOPPER_URL": f"http://127.0.0.1:{port}"}
    served = subprocess.Popen([*dev, "--port", port], cwd=Path.cwd(), stdout=subprocess.DEVNULL)
    try:
        with Client(url["JOBHOPPER_URL"]) as client:
            client.system()
        listed = _output(jobs, url)
        assert listed.count("FileNotFoundError") == 5
        assert redrive[-1] in listed
        assert _output(redrive, url) == f"{redrive[-1]}  queued\n"
    finally:
        served.terminate()
        served.wait(10)


def _output(command: list[str], settings: dict[str, str]) -> str:
    return subprocess.check_output(command, env=environment(settings), text=True, timeout=20)


def test_on_a_running_server(tmp_path: Path, server: RunningServer) -> None:
    demo = _start(tmp_path, "--url", server.url)
    output, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 0, complaints
    assert _count(output, "done") == _TOTAL - 5
    jobs, job, redrive = _commands(output)
    assert _output(jobs, {}).count("FileNotFoundError") == 5
    assert "expired" in _output(job, {})
    assert _output(redrive, {}) == f"{redrive[-1]}  queued\n"
    assert _left(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_with_a_key_that_may_not_change_queues(tmp_path: Path, own_server: NewServer) -> None:
    """Creating, working and reading is all that the demo needs; and the key is not shown."""
    admin = "jh_admin1_0123456789abcdef0123456789abcdef"
    scopes = ("produce", "work", "read")
    with own_server(JOBHOPPER_ADMIN_KEY=admin) as server:
        answer = urllib3.request(
            "POST",
            f"{server.url}/v1/keys",
            headers={"Authorization": f"Bearer {admin}"},
            json={"name": "demo", "scopes": {scope: ["demo-*"] for scope in scopes}},
        )
        key = answer.json()["key"]
        (tmp_path / "demo").mkdir()
        demo = _start(tmp_path / "demo", "--url", server.url, "--key", key)
        output, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 0, complaints
    assert _count(output, "done") == _TOTAL - 5
    assert "with JOBHOPPER_KEY set" in output
    assert key not in output + complaints


def test_a_job_that_someone_else_ends_is_not_passed_over(
    tmp_path: Path, server: RunningServer
) -> None:
    def meddle() -> None:
        with Client(server.url) as client:
            known = {queue.name for queue in client.queues()}
            demo_queue = []
            while not demo_queue:
                demo_queue = [q.name for q in client.queues() if q.name not in known]
            eventually(lambda: _cancel_last(client, demo_queue[0]))

    meddler = threading.Thread(target=meddle)
    meddler.start()
    demo = _start(tmp_path, "--url", server.url)
    output, complaints = demo.communicate(timeout=60)
    meddler.join()
    assert demo.returncode == 1
    assert "1 not as planned" in complaints
    assert "What became of the jobs" not in output
    assert _left(tmp_path) == []


def _cancel_last(client: Client, queue: str) -> bool:
    for job in client.jobs(queue=queue, status="queued", page_size=1):
        try:
            client.cancel(job.id)
        except Conflict:
            # A worker was quicker; or the answer was, on a busy machine, too late for the client.
            return client.job(job.id).status == "cancelled"
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["start", "work"])
def test_broken_off(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    demo = _start(tmp_path)
    if moment == "work":
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Created")
    # A server besides the demo itself, and two workers once the work has begun.
    eventually(lambda: len(_left(tmp_path)) >= (4 if moment == "work" else 2))
    os.kill(demo.pid, number)
    _, complaints = demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert "Traceback" not in complaints
    assert _left(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_workers_do_not_outlive_a_demo_that_is_killed(
    tmp_path: Path, server: RunningServer
) -> None:
    demo = _start(tmp_path, "--url", server.url)
    eventually(lambda: len(_left(tmp_path)) == 3)
    demo.kill()
    demo.communicate()
    eventually(lambda: _left(tmp_path) == [])


def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    """Its own reason is passed on."""
    settings = environment({"TMPDIR": str(tmp_path)})
    program = (
        "import sys; from jobhopper.demo import server; server.DATABASE = '.';"
        "from jobhopper.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "the server did not start: " in done.stderr
    assert "Traceback" not in done.stderr
    assert _left(tmp_path) == []


def test_no_server_at_the_url(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    demo = _start(tmp_path, "--url", url)
    _, complaints = demo.communicate(timeout=20)
    assert demo.returncode == 3
    [line] = complaints.splitlines()
    assert url in line
    assert list(tmp_path.iterdir()) == []
