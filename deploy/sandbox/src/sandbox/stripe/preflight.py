"""Leave for browsers to call the API from any page, as Stripe gives it."""

from starlette.requests import Request
from starlette.responses import Response


async def allow_browsers(_request: Request) -> Response:
    """The answer to a CORS preflight."""
    headers = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, PUT, PATCH, POST, DELETE",
        "access-control-allow-headers": "authorization, content-type, idempotency-key, stripe-version",
        "access-control-max-age": "300",
    }
    return Response(status_code=204, headers=headers)
