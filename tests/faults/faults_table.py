"""The table "One store down", as data: which answers each row may have in each column."""

from dataclasses import dataclass

from faults_calls import SOON, Called

Answers = dict[str, set[tuple[int, str]]]

# From the fault on, an outage is noticed within this time; after its end all is as ever again.
NOTICED, BACK = 5.0, 5.0

NORMAL: Answers = {
    "create": {(202, "rabbitmq")},
    "claim": {(200, "")},
    "update": {(202, "rabbitmq")},
    "operate": {(200, "")},
    "job": {(200, "")},
    "top": {(200, "")},
    "list": {(200, "")},
    "system": {(200, "")},
    # Many updates at once, as the rest is worked off at the end.
    "updates": {(200, "")},
    # A claim that waits on a queue of its own, where a scheduled job becomes due.
    "wait": {(200, "")},
}
_STRAIGHT: Answers = {"create": {(201, "mysql")}, "update": {(200, "mysql")}}
_UNAVAILABLE = {(503, "unavailable")}
_STALE = {(200, "stale")}
_WITHOUT_MYSQL: Answers = {
    "claim": {(200, "provisional")},
    "operate": _UNAVAILABLE,
    "job": _STALE,
    "top": _STALE,
    "list": _UNAVAILABLE,
}
# While an outage is being noticed, or the services come back.
_PASSING = {(503, "unavailable"), (503, "outcome_unknown")}
_OF_MYSQL = ("claim", "operate", "job", "top", "list")


@dataclass(frozen=True)
class Column:
    """The stores that are lost, what that changes, and which timers go on."""

    stores: tuple[str, ...]
    changed: Answers
    promotes: bool
    expires: bool

    @property
    def answers(self) -> Answers:
        """The answers while the stores are lost."""
        return NORMAL | self.changed | {"system": {(200, "+".join(self.stores))}}

    def slowed(self) -> Answers:
        """The answers while the stores are slow: the normal ones and those without them."""
        some = {(200, name) for name in self.stores}
        # MySQL may be too slow for a call, and one API may take it for lost where others reach it.
        late = dict.fromkeys(_OF_MYSQL, _PASSING) if "mysql" in self.stores else {}
        return _either(NORMAL, self.answers, {"system": some}, late)

    def passing(self) -> Answers:
        """The answers while it is being noticed that the stores are lost, or back."""
        return _either(self.slowed(), dict.fromkeys(NORMAL, _PASSING))


COLUMNS = {
    "rabbitmq": Column(("rabbitmq",), _STRAIGHT, promotes=True, expires=False),
    "redis": Column(("redis",), {}, promotes=True, expires=True),
    "mysql": Column(("mysql",), _WITHOUT_MYSQL, promotes=False, expires=False),
    "rabbitmq_and_redis": Column(("rabbitmq", "redis"), _STRAIGHT, promotes=True, expires=False),
}


@dataclass(frozen=True)
class Course:
    """When the fault began, when its end was begun, and when that was done (monotonic)."""

    began: float
    ending: float
    ended: float

    def wrong(self, calls: list[Called], column: Column, *, slow: bool) -> list[Called]:
        """The calls that were not answered as they should have been, or not soon enough."""
        return [one for one in calls if not self._right(one, column, slow=slow)]

    def _right(self, one: Called, column: Column, *, slow: bool) -> bool:
        allowed = self._allowed(one, column, slow=slow)
        again = one.status != 503 or one.retry_after
        return one.answer in allowed[one.kind] and one.took <= SOON and again

    def _allowed(self, one: Called, column: Column, *, slow: bool) -> Answers:
        if one.ended < self.began or one.began >= self.ended + BACK:
            return NORMAL
        if slow:
            return column.slowed()
        if self._settled(one):
            return column.answers
        return column.passing()

    def refused(self, calls: list[Called]) -> float:
        """The share of the calls that were answered 503 while the fault was there."""
        during = [one.status for one in calls if self.began <= one.began < self.ending]
        return during.count(503) / len(during)

    def seen(self, calls: list[Called]) -> set[str]:
        """The rows that were asked for while the fault was there and had been noticed."""
        return {one.kind for one in calls if self._settled(one)}

    def _settled(self, one: Called) -> bool:
        return one.began >= self.began + NOTICED and one.ended < self.ending

    def noticed(self, calls: list[Called], column: Column) -> float:
        """How many seconds after the fault the last call was answered as if there were none."""
        late = [
            one.ended - self.began
            for one in calls
            if one.ended >= self.began
            and one.ended < self.ending
            and one.answer not in column.answers[one.kind]
        ]
        return max(late, default=0.0)

    def back(self, calls: list[Called]) -> float:
        """How many seconds after its end the last call was not answered as ever."""
        late = [
            one.ended - self.ended
            for one in calls
            if one.began >= self.ended and one.answer not in NORMAL[one.kind]
        ]
        return max(late, default=0.0)


def _either(*tables: Answers) -> Answers:
    return {kind: set().union(*(one.get(kind, set()) for one in tables)) for kind in NORMAL}
