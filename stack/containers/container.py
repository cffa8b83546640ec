"""One store in a container: it can be killed, started, frozen, and waited for."""

import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .docker import K8S, docker, image, labels, log
from .kinds import Kind

_PAUSES = 5


class Container:
    """A store of its own, on a port of 127.0.0.1 that it keeps over kill and start."""

    def __init__(self, kind: Kind, *arguments: str, options: tuple[str, ...] = ()) -> None:
        """Makes it without starting it; `arguments` go to the server, `options` to docker."""
        self.kind = kind
        self.name = f"jobhopper-test-{kind.name}-{secrets.token_hex(4)}"
        self.port = _free_port()
        publish = f"127.0.0.1:{self.port}:{kind.port}"
        settings = f"{K8S / 'stores' / kind.settings}:{kind.settings_at}:ro"
        given = ("--publish", publish, "--volume", settings, *kind.options, *options)
        command = (*kind.command, *arguments)
        named = ("--name", self.name, "--hostname", kind.name, *labels())
        docker("create", *named, *given, image(kind.image), *command)

    @property
    def url(self) -> str:
        """Where the store is, with a user that may do all."""
        return self.kind.url.format(port=self.port)

    def start(self) -> None:
        """Starts it, and returns when it serves."""
        docker("start", self.name)
        self.wait_ready()

    def stop(self) -> None:
        """Ends it as a platform does: it has a minute to finish what it does."""
        docker("stop", "--time", "60", self.name, seconds=90)

    def kill(self) -> None:
        """Ends it as a power cut does, except that the kernel's write cache survives."""
        docker("kill", "--signal", "KILL", self.name)

    def pause(self) -> None:
        """Freezes it: connections stay open, and nothing answers."""
        for tries_left in reversed(range(_PAUSES)):
            try:
                docker("pause", self.name)
            except RuntimeError as error:
                # The kernel can't freeze what starts processes meanwhile, and says so.
                if tries_left == 0 or "unable to freeze" not in str(error):
                    raise
            else:
                return

    def unpause(self) -> None:
        """Lets it go on."""
        docker("unpause", self.name)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Killed inside the block, serving after it."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Frozen inside the block, serving after it."""
        self.pause()
        try:
            yield
        finally:
            self.unpause()
            self.wait_ready()

    def wait_ready(self, seconds: float = 120) -> None:
        """Returns when the store serves on its port; raises with its log when it does not."""
        deadline = time.monotonic() + seconds
        while not self.serves():
            if time.monotonic() > deadline or not self._runs():
                raise RuntimeError(f"{self.name} does not serve. Its last lines:\n{self.log()}")
            time.sleep(0.1)

    def serves(self) -> bool:
        """Whether a client would be served now."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            return self.kind.greets(connection)
        return False

    def execute(self, *command: str) -> str:
        """Runs a command in the container and returns what it printed."""
        return docker("exec", self.name, *command)

    def put(self, path: str, content: str | bytes) -> None:
        """Writes a file that everyone in the container may read, also before it is started."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file"
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            file.chmod(0o644)
            docker("cp", str(file), f"{self.name}:{path}")

    def log(self, lines: int = 30) -> str:
        """The last lines that the store wrote, on both streams."""
        return log(self.name, lines)

    def remove(self) -> None:
        """Removes it, with its data."""
        docker("rm", "--force", "--volumes", self.name)

    def _runs(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"


def _free_port() -> int:
    """A port below those that the kernel lends: while a store is down, nobody is lent its port."""
    while True:
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", 20_000 + secrets.randbelow(10_000)))
            port: int = probe.getsockname()[1]
            return port
