"""The embedded mode has no dead letters: nothing goes through RabbitMQ."""

from .caller import Api


def test_the_list_is_empty(api: Api) -> None:
    reply = api.get("/v1/dead")
    assert (reply.status, reply.json) == (200, {"letters": [], "more": False})


def test_there_is_none_to_resend_or_to_drop(api: Api) -> None:
    for reply in (api.call("POST", "/v1/dead/unknown/resend"), api.delete("/v1/dead/unknown")):
        assert (reply.status, reply.code) == (404, "not_found")
