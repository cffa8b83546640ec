"""Reads a request's body within its limits."""

from starlette.requests import ClientDisconnect, Request

from jobhopper_api.http.problems import RequestError
from jobhopper_api.wire.decode import require_utf8
from jobhopper_core.model.limits import BODY_MAX


async def read_body(request: Request) -> bytes:
    """The whole body, UTF-8, at most BODY_MAX bytes.

    Raises RequestError (415, 413, 400), or InvalidFieldError when it isn't UTF-8.
    """
    _require_json(request)
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_MAX:
        raise _too_large()
    data = await _collect(request)
    require_utf8(data)
    return data


async def _collect(request: Request) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            pieces.append(piece)
            size += len(piece)
            if size > BODY_MAX:
                raise _too_large()
    except ClientDisconnect:
        raise RequestError(400, "bad_request", "The connection ended within the body.") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _require_json(request: Request) -> None:
    # A browser can't send this type to another origin without asking first, so a page that
    # someone looks at can't create jobs on a server of theirs.
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RequestError(
            415, "unsupported_media_type", "Send the body with Content-Type: application/json."
        )
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "unsupported_media_type", "Send the body without compression.")


def _too_large() -> RequestError:
    return RequestError(
        413, "body_too_large", f"A body is at most {BODY_MAX} bytes; split it into several calls."
    )
