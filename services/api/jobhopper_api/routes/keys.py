"""`/v1/keys`: API keys."""

from functools import partial

import msgspec

from jobhopper_api.http.identity import require
from jobhopper_api.operations import Answer, Call, Operation
from jobhopper_api.routes import paging
from jobhopper_api.wire import answers
from jobhopper_api.wire.queries import NoQuery, PageQuery
from jobhopper_api.wire.requests import NewKey
from jobhopper_core.errors import InvalidFieldError, NotFoundError
from jobhopper_core.model import access
from jobhopper_core.model.access import Scope
from jobhopper_core.store import api_keys


async def create_key(call: Call[NewKey, NoQuery]) -> Answer:
    """Makes a key and shows it once."""
    require(call.caller, None, Scope.ADMIN)
    scopes = call.body.scopes.granted()
    if not scopes:
        raise InvalidFieldError("/scopes", "grants nothing; name at least one scope.")
    id_, text = access.make_secret()
    key = access.ApiKey(id_, call.body.name, scopes, call.services.store.now())
    verb = partial(api_keys.add, key=key, digest=access.digest(text))
    await call.services.store.write(verb)
    await call.services.announcer.announce_key(key, access.digest(text))
    view = answers.NewKeyView(**msgspec.structs.asdict(answers.key(key)), key=text)
    return Answer(201, view, {"Location": f"/v1/keys/{id_}"})


async def list_keys(call: Call[None, PageQuery]) -> Answer:
    """A page of the keys, without their secrets."""
    require(call.caller, None, Scope.ADMIN)
    after, limit = paging.opened_name(call.query.next), call.query.limit
    keys = await call.services.store.read(partial(api_keys.every, after=after, limit=limit))
    more = keys[-1].id if len(keys) == limit else None
    return Answer(200, answers.KeyPage([answers.key(k) for k in keys], paging.sealed_name(more)))


async def read_key(call: Call[None, NoQuery]) -> Answer:
    """One key, without its secret."""
    require(call.caller, None, Scope.ADMIN)
    key_id = call.path["id"]
    found = await call.services.store.read(partial(api_keys.look_up, key_id=key_id))
    if found is None:
        raise NotFoundError(f"There is no key {key_id!r}.")
    return Answer(200, answers.key(found[0]))


async def delete_key(call: Call[None, NoQuery]) -> Answer:
    """Deletes a key; whoever holds it is locked out."""
    require(call.caller, None, Scope.ADMIN)
    await call.services.store.write(partial(api_keys.delete, key_id=call.path["id"]))
    await call.services.announcer.announce_key_gone(call.path["id"])
    call.services.gate.forget()
    return Answer(204)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/keys",
        create_key,
        "Makes an API key; its secret is shown this once.",
        {201: answers.NewKeyView},
        scope="admin",
        body=(NewKey,),
    ),
    Operation(
        "GET",
        "/v1/keys",
        list_keys,
        "Lists API keys without their secrets.",
        {200: answers.KeyPage},
        scope="admin",
        query=PageQuery,
    ),
    Operation(
        "GET",
        "/v1/keys/{id}",
        read_key,
        "An API key without its secret.",
        {200: answers.KeyView},
        scope="admin",
        refusals={404: "not_found"},
    ),
    Operation(
        "DELETE",
        "/v1/keys/{id}",
        delete_key,
        "Deletes an API key.",
        {204: None},
        scope="admin",
        refusals={404: "not_found"},
    ),
)
