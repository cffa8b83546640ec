"""The server that the demo works against: a running one, or one of its own."""

import socket
import time
from pathlib import Path

import urllib3

from jobhopper.client import Client
from jobhopper.commands.registry import find
from jobhopper.demo.faults import NotInstalledError, ServerDidNotStartError
from jobhopper.demo.processes import Process, Processes

DATABASE = "jobs.db"
LOG = "server.log"

_START_SECONDS = 30.0
_NAP = 0.1
_OK = 200


def start(children: Processes, folder: Path) -> Client:
    """Starts the embedded server on a free port with its data in `folder`; waits until ready."""
    if find("dev") is None:
        raise NotInstalledError(
            'the embedded server is not installed: pip install "jobhopper[dev]", '
            "or name a running server with --url"
        )
    port = _free_port()
    arguments = ["dev", "--port", str(port), "--db", str(folder / DATABASE)]
    process = children.start("jobhopper", arguments, {}, folder / LOG)
    client = Client(f"http://127.0.0.1:{port}")
    _wait_until_ready(process, client.url, folder / LOG)
    return client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: Process, url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not _is_ready(url):
        if process.poll() is not None or time.monotonic() > end:
            raise ServerDidNotStartError(f"the server did not start: {_last_line(log)}")
        time.sleep(_NAP)


def _is_ready(url: str) -> bool:
    try:
        answer = urllib3.request("GET", f"{url}/readyz", timeout=1.0, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == _OK


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
