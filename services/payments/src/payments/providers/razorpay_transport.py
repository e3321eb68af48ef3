"""How Razorpay is reached: the official, blocking SDK in a few threads over our own line, every failure one of ours."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import orjson
import razorpay
import requests

from payments.errors import NotAllowed, Refused, UnknownOutcome
from payments.providers.reading import Json
from payments.providers.unanswered import unanswered

_AT_ONCE: Final = 8
_LARGEST_ANSWER: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_GOOD: Final = range(200, 300)
_NOT_ALLOWED: Final = frozenset({401, 403})
# The statuses that tell what was not done, if their body does. Not 409: the first call still runs.
_TELLING: Final = frozenset(range(400, 500)) - {408, 409, 425, 429}
# Refusals that pass: another operation on the payment is under way, or the call that is repeated holds the key.
_PASSING: Final = ("in progress", "idempotency", "try again shortly")


@dataclass(frozen=True, slots=True, kw_only=True)
class RazorpayAccess:
    """How to reach Razorpay; `secrets` sign its webhooks, two while one is being replaced. `timeout` is in seconds."""

    key_id: str
    key_secret: str
    secrets: tuple[str, ...] = ()
    api_base: str | None = None
    timeout: float = 10
    connect_timeout: float = 3

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.key_id.startswith("rzp_live_")


class Transport:
    """Makes the SDK's calls: the event loop never waits for one, and a call that takes too long is given up."""

    def __init__(self, access: RazorpayAccess) -> None:
        self._limit = access.timeout
        self._line = _Line(access)
        base = {"base_url": access.api_base.rstrip("/")} if access.api_base else {}
        self._client = razorpay.Client(session=self._line, auth=(access.key_id, access.key_secret), **base)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="razorpay")

    async def ask(self, call: Callable[[Any], Any]) -> Json:
        """Return what a call of the SDK's client answers; raises NotAllowed, Refused or UnknownOutcome."""
        try:
            async with asyncio.timeout(self._limit):
                answered: Json = await asyncio.get_running_loop().run_in_executor(self._threads, call, self._client)
        except (Refused, UnknownOutcome):
            raise
        except TimeoutError as error:
            raise UnknownOutcome(f"Razorpay did not answer within {self._limit:g} s") from error
        except Exception as error:
            raise UnknownOutcome(repr(error)[:500]) from error
        return answered

    def close(self) -> None:
        """End the threads, which are done within the time limit, and close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._line.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """As much of a response as the SDK looks at."""

    status_code: int
    body: Json

    def json(self) -> Json:
        return self.body


class _Line:
    """What the SDK takes for a `requests.Session`.

    The SDK sets no time limit, brings a list of authorities of 2015, follows redirects, prints what goes wrong, and
    forgets an error's status: here every request has limits, `requests`' own authorities, no redirects, and failures
    are raised before the SDK sees them.
    """

    def __init__(self, access: RazorpayAccess) -> None:
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_AT_ONCE, max_retries=0)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        self._limits = (min(access.connect_timeout, access.timeout), access.timeout)

    def get(self, url: str, **options: Any) -> _Answer:  # noqa: ANN401 - the SDK's
        return self._send("GET", url, options)

    def post(self, url: str, **options: Any) -> _Answer:  # noqa: ANN401 - the SDK's
        return self._send("POST", url, options)

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, options: Json) -> _Answer:
        given = {name: options.get(name) for name in ("params", "data", "headers", "auth")}
        until = time.monotonic() + self._limits[1]
        try:
            response = self._session.request(
                method, url, timeout=self._limits, allow_redirects=False, stream=True, verify=True, **given
            )
            with response:
                body = _read(response, until)
        except (requests.RequestException, OSError, ValueError) as error:
            raise UnknownOutcome(unanswered("Razorpay", error)) from error
        return _Answer(200, _accepted(response.status_code, body))


def _read(response: requests.Response, until: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > _LARGEST_ANSWER or time.monotonic() > until:
            raise UnknownOutcome("an answer larger or slower than any of Razorpay's")
    return bytes(body)


def _accepted(status: int, body: bytes) -> Json:
    """Return a good answer's JSON; raises NotAllowed, Refused or UnknownOutcome for any other."""
    if status in _NOT_ALLOWED:
        raise NotAllowed(f"HTTP {status}: {body[:200]!r}")
    try:
        said = orjson.loads(body)
    except ValueError as error:
        raise UnknownOutcome(f"HTTP {status} without JSON") from error
    if not isinstance(said, dict) or (status not in _GOOD and status not in _TELLING):
        raise UnknownOutcome(f"HTTP {status}: {body[:200]!r}")
    if status not in _GOOD:
        raise _refusal(status, said.get("error"))
    return said


def _refusal(status: int, error: object) -> Exception:
    told = error if isinstance(error, dict) else {}
    sentence = f"{told.get('description')} ({told.get('field')})"
    if told.get("code") != "BAD_REQUEST_ERROR" or any(words in sentence.lower() for words in _PASSING):
        return UnknownOutcome(f"HTTP {status}: {told}"[:500])
    reason = told.get("reason")
    return Refused(reason if isinstance(reason, str) and reason not in {"", "NA"} else "bad_request", sentence)
