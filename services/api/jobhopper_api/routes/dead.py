"""`/v1/dead`: the dead letters, what RabbitMQ carried and nobody could apply."""

import base64
from collections.abc import Iterable, Iterator
from functools import partial

from jobhopper_api.dead.letter import Letter
from jobhopper_api.dead.letters import DeadLetters, Look
from jobhopper_api.http.identity import require, require_somewhere
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.services import Services
from jobhopper_api.wire import answers
from jobhopper_api.wire.queries import DeadQuery, NoQuery
from jobhopper_core.errors import NotFoundError, UnavailableError
from jobhopper_core.model.access import ApiKey, Scope

# So many bytes of bodies are in one answer at most; behind them letters are shown without.
_BODIES_MAX = 4 * 1024 * 1024


async def list_dead(call: Call[None, DeadQuery]) -> Answer:
    """The letters that the caller may read, the oldest first."""
    require_somewhere(call.caller, Scope.READ)
    dead = _dead_of(call.services)
    shows = partial(_may, call.caller, Scope.READ)
    look = Look([], False) if dead is None else await dead.look(call.query.limit, shows)
    letters = sorted(look.letters, key=lambda one: (one.died_at or 0, one.id))
    return Answer(200, answers.DeadLetterList(list(_views(letters)), look.more))


async def resend_dead(call: Call[None, NoQuery]) -> Answer:
    """Sends a letter back to the queue that it came from."""
    require_somewhere(call.caller, Scope.MANAGE)
    id_ = call.path["id"]
    lane, shard = await _found_in(call.services).resend(id_, partial(_require, call.caller))
    return Answer(202, answers.Resent(id_, "rabbitmq", lane.value, shard))


async def drop_dead(call: Call[None, NoQuery]) -> Answer:
    """Drops a letter: what is in it is never applied."""
    require_somewhere(call.caller, Scope.MANAGE)
    await _found_in(call.services).drop(call.path["id"], partial(_require, call.caller))
    return Answer(204)


def _dead_of(services: Services) -> DeadLetters | None:
    """The dead letters; None where there can be none, since nothing goes through RabbitMQ."""
    if services.dead is None and services.facts.mode == "normal":
        # It may hold some from a time in which it was: to show none would be wrong.
        raise UnavailableError(
            "This install has no RabbitMQ (JOBHOPPER_RABBITMQ_URL), which keeps the dead letters."
        )
    return services.dead


def _found_in(services: Services) -> DeadLetters:
    dead = _dead_of(services)
    if dead is None:
        raise NotFoundError("There is no such dead letter: the embedded mode has none.")
    return dead


def _may(caller: ApiKey, scope: Scope, letter: Letter) -> bool:
    if letter.queues is None:
        return caller.allows(scope, None)
    return all(caller.allows(scope, queue) for queue in letter.queues)


def _require(caller: ApiKey, letter: Letter) -> None:
    queues: Iterable[str | None] = [None] if letter.queues is None else sorted(letter.queues)
    for queue in queues:
        require(caller, queue, Scope.MANAGE)


def _views(letters: Iterable[Letter]) -> Iterator[answers.DeadLetterView]:
    left = _BODIES_MAX
    for letter in letters:
        yield _view(letter, left)
        left -= min(left, len(letter.body))


def _view(letter: Letter, room: int) -> answers.DeadLetterView:
    whole = letter.content is not None and len(letter.body) <= room
    shown = letter.body[:room]
    return answers.DeadLetterView(
        id=letter.id,
        message_id=letter.message_id,
        lane=letter.origin[0].value if letter.origin is not None else None,
        shard=letter.origin[1] if letter.origin is not None else None,
        queue=_queue(letter),
        error=letter.error,
        code=letter.code,
        died_at=answers.time(letter.died_at),
        writes=letter.writes,
        size=letter.size,
        truncated=len(shown) < letter.size,
        content=letter.content if whole else None,
        body=None if whole else base64.b64encode(shown).decode(),
    )


def _queue(letter: Letter) -> str | None:
    return next(iter(letter.queues)) if letter.queues and len(letter.queues) == 1 else None


OPERATIONS = (
    Operation(
        "GET",
        "/v1/dead",
        list_dead,
        "Looks at the dead letters: messages that could not be applied, and why.",
        {200: answers.DeadLetterList},
        scope="read",
        query=DeadQuery,
    ),
    Operation(
        "POST",
        "/v1/dead/{id}/resend",
        resend_dead,
        "Sends a dead letter back to where it came from, to be applied now.",
        {202: answers.Resent},
        scope="manage",
        refusals={404: "not_found", 409: "unknown_origin"},
    ),
    Operation(
        "DELETE",
        "/v1/dead/{id}",
        drop_dead,
        "Drops a dead letter, which is never applied.",
        {204: None},
        scope="manage",
        refusals={404: "not_found"},
    ),
)
