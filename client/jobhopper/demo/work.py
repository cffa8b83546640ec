"""One worker process of the demo: `python -m jobhopper.demo.work QUEUE NAME`."""

import sys
from threading import Thread

from jobhopper.client import Client
from jobhopper.demo.measure import HANDLERS
from jobhopper.worker import Worker

# Short, so that the jobs of a killed worker come back soon.
LEASE = 2
# The jobs are short: fetching several at a time saves more than they cost.
HOLD = 16


def main(queue: str, name: str) -> None:
    """Works `queue` until it is told to stop or its parent is gone."""
    with Client() as client:
        worker = Worker(
            client,
            queue,
            handlers=HANDLERS,
            concurrency=2,
            lease=LEASE,
            hold=HOLD,
            name=name,
            wait=5,
        )
        Thread(target=_stop_with_parent, args=(worker,), daemon=True).start()
        worker.run()


def _stop_with_parent(worker: Worker) -> None:
    # The other end of this pipe closes when the parent ends, however it does.
    sys.stdin.read()
    worker.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
