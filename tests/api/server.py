"""Starts and ends real servers, each a process of its own that runs `jobhopper dev`."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from .caller import Api, wait_until

# Forked from a process that has done the imports: half a second less for each server.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["jobhopper_embedded.dev", "psutil"])


class Server:
    """A running server, its folder with the database, and its log."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        port: int = 0,
        db: str = "jobs.db",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._callers: list[Api] = []
        self._out = folder / "server.out"
        self._out.write_bytes(b"")
        command = ["--port", str(port), "--db", db, *arguments]
        self.process = _PROCESSES.Process(
            target=_serve, args=(command, folder, environment(settings)), daemon=True
        )
        self.process.start()
        wait_until(lambda: "://" in self._out.read_text() or not self.process.is_alive())
        self.greeting = self._out.read_text()
        assert self.greeting, f"the server did not start: {self.log()}"
        self.port = int(self.greeting.split("://", 1)[1].split()[0].rpartition(":")[2])

    def api(self, key: str | None = None) -> Api:
        """A caller; its connections are closed with the server."""
        self._callers.append(Api(self.port, key))
        return self._callers[-1]

    def terminate(self) -> None:
        """Sends SIGTERM."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGTERM)

    def ended(self, patience: float = 10) -> int | None:
        """The exit code, or None when it did not end in time."""
        self.process.join(patience)
        return self.process.exitcode

    def stop(self) -> None:
        """Ends it as an operator does."""
        self.terminate()
        assert self.ended() == 0, self.log()
        self.kill()

    def kill(self) -> None:
        """Ends it as the kernel does, without a chance to tidy up."""
        self.process.kill()
        self.process.join()
        for caller in self._callers:
            caller.close()

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def is_up(self) -> bool:
        return self.process.is_alive() and self.api().get("/livez").status == 200

    def log(self) -> str:
        return (self.folder / "server.log").read_text()


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process without settings of Jobhopper, and with `settings`."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOPPER_")}
    return own | dict(settings or {})


@contextmanager
def serving(
    folder: Path, *arguments: str, settings: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[Server]:
    """A server for the length of a `with`; in it, it must have had no fault of its own."""
    server = Server(folder, *arguments, settings=settings, port=port)
    try:
        yield server
    finally:
        server.kill()
    assert "traceback" not in server.log(), server.log()


def await_waiters(api: Api, number: int) -> None:
    """Returns once `number` claims wait on the server."""
    wait_until(lambda: f"jobhopper_claims_waiting {number}.0" in api.get("/metrics").text)


def _serve(arguments: list[str], folder: Path, settings: Mapping[str, str]) -> None:
    from jobhopper_embedded.dev import main

    for name, stream in (("server.out", 1), ("server.log", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(settings)
    sys.exit(main(arguments))
