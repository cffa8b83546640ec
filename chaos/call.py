"""A call as a client saw it, and the list of all of them: what the checker judges by."""

import json
from dataclasses import dataclass
from typing import Any

# No answer came: the connection broke, or was refused, or nothing came in time.
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call; times in seconds since 1970.

    `kind` is create, claim, update, order (an operator's), read (of one job) or look (of many).
    `wait` is how long it asked to wait, `sent` what it said, `job` whom it names. `lease` is the
    token with which the job of a worker's update was handed out. `alone` is False where the call
    is one item of a batch, which stands beside them with its time.
    """

    kind: str
    who: str
    api: int
    began: float
    ended: float
    sent: Any
    status: int
    answer: Any
    job: str = ""
    lease: str = ""
    wait: float = 0.0
    alone: bool = True

    @property
    def accepted(self) -> bool:
        """Whether it was done, or is sure to be."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it surely has no effect. Neither: nobody knows."""
        return 400 <= self.status < 500

    @property
    def code(self) -> str:
        """The code of a problem."""
        return str(self.answer.get("code", "")) if isinstance(self.answer, dict) else ""

    def told(self, start: float) -> str:
        """The call as a line of a report, its times counted from `start`."""
        times = f"{self.began - start:8.3f} - {self.ended - start:8.3f}"
        said = f"{_short(self.sent)} -> {self.status} {_short(self.answer)}"
        return f"{times}  {self.who:<12} api.{self.api} {self.kind:<6} {said}"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 260 else f"{text[:200]} … {text[-50:]}"
