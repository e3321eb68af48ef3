"""How Stripe is reached: the official SDK over our own transport, every failure one of ours."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import stripe

from payments.errors import NotAllowed, Refused, UnknownOutcome
from payments.providers.reading import Json
from payments.providers.unanswered import unanswered

API_VERSION: Final = "2026-10-28.endive"
_LARGEST_ANSWER: Final = 4 * 1024 * 1024


class RefusedParameter(Refused):
    """Stripe refused the request for one parameter's sake; `parameter` is its name, "" where Stripe does not say."""

    def __init__(self, error: stripe.CardError | stripe.InvalidRequestError) -> None:
        super().__init__(error.code or "invalid_request", str(error))
        self.parameter = error.param or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccess:
    """How to reach Stripe; `secrets` sign its webhooks, two while one is being replaced. `timeout` is in seconds."""

    key: str
    secrets: tuple[str, ...] = ()
    api_base: str | None = None
    timeout: float = 10
    connect_timeout: float = 3

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.key.startswith(("sk_live_", "rk_live_"))


class Transport(stripe.HTTPClient):
    """Carries the SDK's requests: a limit to the whole call and to the answer, no redirects, no retries of its own."""

    name = "httpx2"

    def __init__(self, access: StripeAccess) -> None:
        super().__init__()
        self._limit = access.timeout
        self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(access.timeout, connect=access.connect_timeout))

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; raises stripe.APIConnectionError when no whole answer came."""
        try:
            async with asyncio.timeout(self._limit):
                asking = self._client.stream(method, url, headers=dict(headers), content=post_data)
                async with asking as response:
                    return await _read(response), response.status_code, response.headers
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise _no_answer(unanswered("Stripe", error)) from error

    async def close_async(self) -> None:
        await self._client.aclose()


def connect(access: StripeAccess) -> tuple[Transport, stripe.StripeClient]:
    """Return a client of the SDK and what carries its requests; both belong to the event loop that uses them."""
    transport = Transport(access)
    bases: Any = {"api": access.api_base.rstrip("/")} if access.api_base else {}
    client = stripe.StripeClient(
        access.key, stripe_version=API_VERSION, base_addresses=bases, http_client=transport, max_network_retries=0
    )
    return transport, client


async def answer(call: Awaitable[Any]) -> Json:
    """Return an answer's JSON; raises NotAllowed, Refused or UnknownOutcome (docs.stripe.com/error-handling)."""
    try:
        answered: Json = (await call).last_response.data
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise NotAllowed(str(error)) from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise RefusedParameter(error) from error
    except stripe.APIConnectionError as error:
        raise UnknownOutcome(str(error)[:500]) from error
    except Exception as error:
        # 5xx, 429, 409 (key in use, lock timeout), a key used with other parameters, no connection, no JSON.
        raise UnknownOutcome(repr(error)[:500]) from error
    if not isinstance(answered, dict):
        raise UnknownOutcome("an answer that is no object")
    return answered


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise _no_answer("an answer larger than any of Stripe's")
    return bytes(body)


def _no_answer(why: str) -> Exception:
    error: Exception = stripe.APIConnectionError(why)  # type: ignore[no-untyped-call]
    return error
