"""A signal is heard wherever it interrupts the thread that waits for it."""

import subprocess
import sys
from threading import Timer

_ROUNDS = 30
_WAITS = f"""
from jobhopper_core.flows.start import stop_on_signals
for _ in range({_ROUNDS}):
    stopping = stop_on_signals()
    print("waits", flush=True)
    while not stopping.wait(0):
        pass
"""


def test_a_signal_on_the_way_into_or_out_of_the_wait_is_heard() -> None:
    # A handler that takes the lock of what is waited for hangs in four tries of ten.
    command = [sys.executable, "-c", _WAITS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        hangs = Timer(30, process.kill)
        hangs.start()
        for _ in range(_ROUNDS):
            assert process.stdout.readline() == "waits\n"
            process.terminate()
        assert process.wait() == 0
        hangs.cancel()
