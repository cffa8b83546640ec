"""Works the jobs of some queues with functions that you give."""

from jobhopper.worker.runner import Handler
from jobhopper.worker.verdicts import Fail, Retry
from jobhopper.worker.worker import Worker

__all__ = ["Fail", "Handler", "Retry", "Worker"]
