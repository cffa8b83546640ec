"""docker-up, on a daemon of its own in a folder of its own: the machine's is left alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stack.containers.docker import K8S, docker, image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or os.getuid() != 0 or not shutil.which("apt-get"),
        reason="docker-up only looks whether Docker answers, but as root on Debian",
    ),
]
# Should the machine's daemon use a containerd of the machine, this one uses other names in it.
CONFIG = {
    "containerd-namespace": "docker-up",
    "containerd-plugins-namespace": "docker-up-plugins",
}


class Daemon:
    """What docker-up starts in `root`."""

    def __init__(self, root: Path, network: int) -> None:
        self.root = root
        self.network = network
        self.config = root / "daemon.json"
        self.config.write_text(json.dumps(CONFIG))
        self.pid_file = root / "run" / "docker.pid"
        self.containerd_pid_file = root / "run" / "docker" / "containerd" / "containerd.pid"

    def up(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self.network}/ns/net", K8S / "airgap" / "docker-up"],
            env={**os.environ, "AIRGAP_DOCKERD_ROOT": str(self.root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )

    def docker(self, *args: str) -> str:
        return docker("--host", f"unix://{self.root}/run/docker.sock", *args)

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def processes(self) -> list[psutil.Process]:
        """dockerd, containerd and the shims: whoever has the folder in its command line."""
        all_of_them = psutil.process_iter(["cmdline", "name"])
        return [p for p in all_of_them if f"{self.root}/run" in " ".join(p.info["cmdline"] or [])]

    def kill_all(self) -> None:
        """Ends them all at once; some end by themselves when another does."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
                process.wait(10)

    def end(self) -> None:
        """Ends the daemon in good order, then whatever is left."""
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            daemon = psutil.Process(self.pid())
            if daemon in self.processes():
                daemon.terminate()
                daemon.wait(60)
        self.kill_all()

    def run_valkey(self) -> psutil.Process:
        """A container that leaves a process behind when everything around it is killed."""
        with tempfile.TemporaryDirectory() as folder:
            docker("save", "--output", f"{folder}/tar", image("VALKEY_IMAGE"))
            self.docker("load", "--input", f"{folder}/tar")
        self.docker("run", "--detach", "--name", "left", image("VALKEY_IMAGE"))
        return psutil.Process(int(self.docker("inspect", "--format", "{{.State.Pid}}", "left")))


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    # Not pytest's folder: the path of a socket may have no more than 107 characters.
    root = Path(tempfile.mkdtemp(prefix="docker-up-"))
    # In a network of its own, or it would take the machine's bridge for its own and clear it away.
    network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    while _network_of(network.pid) == _network_of(os.getpid()):
        time.sleep(0.01)
    made = Daemon(root, network.pid)
    yield made
    made.end()
    network.kill()
    network.wait()
    mounts = [m.split()[1] for m in Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed([m for m in mounts if m.startswith(f"{root}/")]):
        subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(root)


def _network_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def test_second_call_changes_nothing(daemon: Daemon) -> None:
    assert daemon.up().returncode == 0
    before = (daemon.pid(), daemon.config.read_text(), daemon.config.stat().st_mtime_ns)
    assert daemon.up().returncode == 0
    assert (daemon.pid(), daemon.config.read_text(), daemon.config.stat().st_mtime_ns) == before


def test_settings_of_the_daemon_are_kept(daemon: Daemon) -> None:
    assert daemon.up().returncode == 0
    held = json.loads(daemon.config.read_text())
    assert {name: held[name] for name in CONFIG} == CONFIG


def test_two_at_once_start_one_daemon(daemon: Daemon) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: daemon.up(), range(3)))
    assert [d.returncode for d in done] == [0, 0, 0]
    assert sum("starting dockerd" in d.stderr for d in done) == 1
    assert sum(p.info["name"] == "dockerd" for p in daemon.processes()) == 1


def test_after_kill_of_everything(daemon: Daemon) -> None:
    assert daemon.up().returncode == 0
    left = daemon.run_valkey()
    daemon.kill_all()
    assert left.is_running(), "the container should outlive its shim, or this test proves nothing"
    assert daemon.up().returncode == 0
    # Were it still there, it would hold the data of a container that starts anew.
    left.wait(10)
    daemon.docker("start", "left")
    # The client waits for a server that has only just begun.
    answer = "until valkey-cli ping 2>/dev/null; do sleep 0.1; done"
    assert daemon.docker("exec", "left", "timeout", "20", "sh", "-c", answer).strip() == "PONG"


def test_after_kill_of_the_daemon_alone(daemon: Daemon) -> None:
    assert daemon.up().returncode == 0
    psutil.Process(daemon.pid()).kill()
    assert daemon.up().returncode == 0
    assert daemon.docker("info", "--format", "{{.ContainersRunning}}").strip() == "0"


def test_pid_files_that_name_a_stranger(daemon: Daemon) -> None:
    assert daemon.up().returncode == 0
    daemon.kill_all()
    stranger = str(os.getpid())
    daemon.pid_file.write_text(stranger)
    daemon.containerd_pid_file.write_text(stranger)
    assert daemon.up().returncode == 0
    assert daemon.pid() != os.getpid()


def test_failure_is_told_with_the_log(daemon: Daemon) -> None:
    daemon.config.write_text('{"no-such-setting": 1}')
    done = daemon.up()
    assert done.returncode == 1
    assert "no-such-setting" in done.stderr


def test_broken_settings_are_named(daemon: Daemon) -> None:
    daemon.config.write_text("{")
    done = daemon.up()
    assert done.returncode == 1
    assert "daemon.json" in done.stderr
