"""The hopper once more, as plain as can be: what the functions in Redis are held against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobhopper_core.hopper.offer import Offer

from .hopper import Place

ALL: Place = (1e300, "")
NONE: Place = (-1.0, "")


def place(offer: Offer) -> Place:
    return (offer.score, offer.id)


def version(offer: Offer) -> int:
    return int(offer.value.split(b" ")[1])


@dataclass
class Model:
    most_jobs: int
    most_bytes: int
    held: dict[str, Offer] = field(default_factory=dict)
    horizon: Place | None = None
    # Attempts that were taken, by id.
    taken: dict[str, int] = field(default_factory=dict)
    # With which version jobs were forgotten, by id.
    gone: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    # What the refill under way may have missed.
    let_go: list[Place] = field(default_factory=list)

    def offer(self, offers: Sequence[Offer], *, late: bool) -> int:
        if late:
            self.let_go += [place(offer) for offer in offers]
            return -1
        added = self._put(offers, self._bound())
        if added:
            self._trim()
        return added

    def refuse(self, offers: Sequence[Offer]) -> None:
        lowest = min(map(place, offers))
        self.let_go.append(lowest)
        if self.horizon is not None and lowest < self.horizon:
            self.horizon = lowest
            if self.token is None:
                self._keep(lambda offer: place(offer) < lowest)

    def take(self, count: int) -> tuple[str, list[Offer]]:
        if self.horizon is None:
            return "cold", []
        reach = [o for o in sorted(self.held.values(), key=place) if place(o) < self.horizon]
        for offer in reach[:count]:
            del self.held[offer.id]
            self.taken[offer.id] = offer.attempt
        dry = len(reach) < count and self.horizon < ALL
        return "dry" if dry else "ok", reach[:count]

    def give_back(self, offers: Sequence[Offer]) -> int:
        for offer in offers:
            self.taken.pop(offer.id, None)
        return self._put(offers, self._bound())

    def forget(self, ids: Sequence[str]) -> int:
        for id_ in ids:
            self.taken.pop(id_, None)
            known = version(self.held[id_]) if id_ in self.held else 0
            self.gone[id_] = max(known, self.gone.get(id_, 0))
        return sum(self.held.pop(id_, None) is not None for id_ in ids)

    def begin(self, token: str) -> bool:
        if self.token is not None:
            return False
        self.token, self.let_go = token, []
        return True

    def end(self, token: str, rows: Sequence[Offer], *, complete: bool) -> tuple[str, int]:
        if self.token != token:
            return "lost", 0
        self.token = None
        bound = self.horizon
        if complete:
            bound = ALL
        elif rows:
            bound = (rows[-1].score, rows[-1].id + "!")
        if bound is None:
            return "done", 0
        self.horizon = min(bound, *self.let_go, ALL)
        self._keep(lambda offer: place(offer) < (self.horizon or NONE))
        added = self._put(rows, self.horizon)
        self._trim()
        return "done", added

    def lose_token(self) -> None:
        self.token = None

    def flush(self) -> None:
        self.held, self.horizon, self.taken, self.token = {}, None, {}, None
        self.gone = {}

    def bytes(self) -> int:
        return sum(len(offer.value) for offer in self.held.values())

    def _bound(self) -> Place:
        if self.token is not None:
            return ALL
        return NONE if self.horizon is None else self.horizon

    def _put(self, offers: Sequence[Offer], bound: Place) -> int:
        added = 0
        for offer in offers:
            old = self.held.get(offer.id)
            if self.taken.get(offer.id) == offer.attempt:
                continue
            if version(offer) < self.gone.get(offer.id, 0):
                continue
            if old is not None and version(old) > version(offer):
                continue
            if place(offer) < bound:
                self.held[offer.id] = offer
                added += 1
            elif old is not None and version(old) < version(offer):
                del self.held[offer.id]
        return added

    def _trim(self) -> None:
        while len(self.held) > 1 and (
            len(self.held) > self.most_jobs or self.bytes() > self.most_bytes
        ):
            last = max(self.held.values(), key=place)
            del self.held[last.id]
            self.let_go.append(place(last))
            if self.horizon is not None:
                self.horizon = min(self.horizon, place(last))

    def _keep(self, good: Callable[[Offer], bool]) -> None:
        self.held = {id_: offer for id_, offer in self.held.items() if good(offer)}
