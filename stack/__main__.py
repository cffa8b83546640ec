"""`make stack`: the services on the stores of `make stores`, and the demo against them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from stack.services import Services, stores_of_environment

_PORT = "8080"


def main() -> int:
    """Runs until Ctrl-C; with `--once` until the demo has ended."""
    port = _free(os.environ.get("STACK_PORT") or _PORT)
    stores = stores_of_environment()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Services(stores, first_port=port) as services:
        settings = {"JOBHOPPER_URL": services.url, "JOBHOPPER_KEY": services.key}
        sys.stdout.write(f"Jobhopper serves on {services.url}. To use it:\n\n")
        sys.stdout.writelines(f"  export {name}={value}\n" for name, value in settings.items())
        sys.stdout.write("\n")
        sys.stdout.flush()
        demo = [str(Path(sys.executable).parent / "jobhopper"), "demo", "--url", services.url]
        code = subprocess.run(demo, env=os.environ | settings, check=False).returncode
        if "--once" in sys.argv[1:]:
            return code
        sys.stdout.write("Ctrl-C ends the services.\n")
        sys.stdout.flush()
        signal.pause()
    return 0


def _free(port: str) -> int:
    try:
        with socket.create_server(("127.0.0.1", int(port))):
            return int(port)
    except (ValueError, OverflowError, OSError) as error:
        raise SystemExit(f"Can't listen on port {port}: {error}; set STACK_PORT.") from None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
