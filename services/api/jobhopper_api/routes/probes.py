"""`/livez`, `/readyz` and `/metrics`: for the orchestrator, not for callers; no key needed."""

import asyncio

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobhopper_api.services import Services

_STALE_SECONDS = 30.0


def routes(services: Services) -> list[Route]:
    """The routes of the probes and the metrics."""

    async def live(_request: Request) -> Response:
        # Alive means that the loop turns, not that a store is up: a restart mends no store.
        turned = asyncio.get_running_loop().time() - services.health.turned < _STALE_SECONDS
        return _json({"live": turned}, 200 if turned else 503)

    async def ready(_request: Request) -> Response:
        # Ready even while a store is down: any one of them may be, and this says which.
        stores = {n: "up" if one.up else "down" for n, one in services.health.stores.items()}
        return _json({"ready": True, "stores": stores}, 200)

    async def metrics(_request: Request) -> Response:
        text = generate_latest(services.metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]


def _json(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
