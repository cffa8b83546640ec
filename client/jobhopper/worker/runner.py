"""Runs one job with its handler and reports how that ended."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from jobhopper.claimed_job import ClaimedJob
from jobhopper.client import Client
from jobhopper.errors import Invalid, InvalidArgument, JobhopperError, LeaseLost
from jobhopper.json_text import Json
from jobhopper.tries import is_passing, pauses, retry_after
from jobhopper.update import Update, failure, success
from jobhopper.worker.failure_text import error_object
from jobhopper.worker.held import Held
from jobhopper.worker.verdicts import Verdict

_log = logging.getLogger("jobhopper.worker")

# Takes the job, returns its result: any JSON up to 256 KiB.
Handler: TypeAlias = Callable[[ClaimedJob], Json]


class NoHandlerError(JobhopperError):
    """A job has a type that this worker was given no handler for."""


class Runner:
    """Threads may share it: one job is one call of `run`."""

    def __init__(self, client: Client, handlers: Mapping[str, Handler], held: Held) -> None:
        self._client = client
        self._handlers = handlers
        self._held = held

    def run(self, job: ClaimedJob) -> None:
        """Works `job` unless its claim has ended meanwhile, reports, and lets go of it."""
        try:
            if not job.lost:
                self._report(self._work(job))
        finally:
            self._held.drop(job)

    def _work(self, job: ClaimedJob) -> Update:
        try:
            return success(job, self._handler(job)(job))
        except Verdict as verdict:
            return failure(
                job, error_object(verdict), retry_in=verdict.retry_in, retry=verdict.retry
            )
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises is its job's failure
            # The text of an exception may quote the payload, so only its type is logged.
            _log.info("job %s failed: %s", job.id, type(error).__name__)
            return failure(job, error_object(error))

    def _handler(self, job: ClaimedJob) -> Handler:
        found = self._handlers.get(job.type)
        if found is None:
            raise NoHandlerError(f"this worker has no handler for the type {job.type!r}")
        return found

    def _report(self, update: Update) -> None:
        self._held.settle(update.job)
        try:
            self._send(update)
        except (Invalid, InvalidArgument) as error:
            self._report_unsendable(update, error)
        except LeaseLost as error:
            update.job.lost = error.code
            _log.warning("job %s: its end did not count (%s)", update.job.id, error.code)
        except JobhopperError as error:
            _log.error("job %s: its end could not be reported: %s", update.job.id, error)

    def _send(self, update: Update) -> None:
        """Tries for as long as the lease lasts: until then the work is not lost."""
        for pause in pauses():
            try:
                self._client.update(update)
            except JobhopperError as error:
                if not is_passing(error) or time.monotonic() > self._held.end_of(update.job):
                    raise
                time.sleep(max(pause, retry_after(error) or 0.0))
            else:
                return

    def _report_unsendable(self, update: Update, error: JobhopperError) -> None:
        _log.error("job %s: the server can't take its end: %s", update.job.id, error)
        if update.fields["status"] == "succeeded":
            self._report(failure(update.job, error_object(error)))
