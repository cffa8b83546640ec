"""Which jobs the demo creates, and what each kind of them is to go through."""

from collections.abc import Sequence

from jobhopper.new_job import NewJob

# Compiles a file and counts what is in it.
MEASURE = "measure"
# The same, but its first attempt fails.
FLAKY = "measure-flaky"
# Names a file that is not there, so that every attempt fails.
MISSING = "measure-missing"
# Its first attempt takes so long that its worker can be killed in the middle of it.
SLOW = "measure-slow"

_FLAKY_EVERY = 40
_MISSING_COUNT = 5
# Early, so that there is work left for the time until the lease ends.
_SLOW_PLACE = 1 / 8


def jobs(queue: str, files: Sequence[str]) -> list[NewJob]:
    """A job for each of `files`, and among them a few for files that do not exist."""
    slow = int(len(files) * _SLOW_PLACE)
    planned = [_job(queue, number, file, slow) for number, file in enumerate(files)]
    step = len(files) // (_MISSING_COUNT + 1)
    for number in range(_MISSING_COUNT, 0, -1):
        planned.insert(number * step, _missing(queue, number))
    return planned


def _job(queue: str, number: int, file: str, slow: int) -> NewJob:
    if number == slow:
        kind = SLOW
    else:
        kind = FLAKY if number % _FLAKY_EVERY == _FLAKY_EVERY // 2 else MEASURE
    return NewJob(queue, kind, {"file": file})


def _missing(queue: str, number: int) -> NewJob:
    payload = {"file": f"no_such_module_{number}.py"}
    return NewJob(queue, MISSING, payload, max_attempts=2 + number % 2)
