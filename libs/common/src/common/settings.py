"""Settings: read once from the environment at the start, which a bad one stops with a sentence."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from common import faults
from common.addresses import LOOPBACK, Network, host_in, host_name, network_of, origin_of
from common.credentials import any_guessable, from_files, guessable_in

Role = Literal["api", "worker", "all"]
S = TypeVar("S", bound="ServiceSettings")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SHORTEST_TICK = 0.5
_HEADERS = r"^([^\s=,]+=[^,\r\n]*(,|$))*$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class BadSetting(Exception):  # noqa: N818 - a sentence for the operator
    """A setting that cannot be used; the message names it and says how to mend it."""


def _seconds(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if not match:
        message = "write a duration such as 500ms, 30s, 15m, 1h or 7d"
        raise ValueError(message)
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError as error:
        raise ValueError("this duration is too long") from error


def _some(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("write more than no time at all")
    return value


def _json_object(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        message = "write a JSON object"
        raise ValueError(message) from error


def _each(read: Callable[[str], object]) -> BeforeValidator:
    """Read a list with commas, each item by itself; `none` is an empty one."""

    def items(value: object) -> object:
        if not isinstance(value, str):
            return value
        return () if value.strip() == "none" else tuple(read(item) for item in value.split(",") if item.strip())

    return BeforeValidator(items)


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_json_object)]
SomeTime = Annotated[Duration, AfterValidator(_some)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=0)]
Group = Annotated[str, Field(pattern=r"^[a-z0-9-]+(/[a-z0-9_-]+)*$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#@]*)?$")]


class ServiceSettings(BaseModel):
    """What every service reads; a service derives its own class with the variables only it needs."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    service: ClassVar[str] = ""

    environment: Annotated[Literal["development", "production"], Field(alias="SOUK_ENV")] = "development"
    role: Annotated[Role, Field(alias="SOUK_ROLE")] = "all"
    host: Annotated[str, Field(alias="HOST")] = "127.0.0.1"
    port: Annotated[Port, Field(alias="PORT")] = 8000
    internal_host: Annotated[str, Field(alias="INTERNAL_HOST")] = "127.0.0.1"
    internal_port: Annotated[Port | None, Field(alias="INTERNAL_PORT")] = None
    public_url: Annotated[HttpUrl | None, Field(alias="PUBLIC_URL")] = None
    storefront_url: Annotated[HttpUrl | None, Field(alias="STOREFRONT_URL")] = None
    allowed_hosts: Annotated[tuple[str, ...], _each(host_name), Field(alias="ALLOWED_HOSTS")] = ()
    cors_origins: Annotated[tuple[str, ...], _each(origin_of), Field(alias="CORS_ORIGINS")] = ()
    trusted_proxies: Annotated[tuple[Network, ...], _each(network_of), Field(alias="TRUSTED_PROXIES")] = tuple(
        map(network_of, LOOPBACK)
    )
    rate_limit: Annotated[Count | None, Field(alias="RATE_LIMIT_PER_MINUTE")] = None
    rate_limits: Annotated[dict[Group, Count], BeforeValidator(_json_object), Field(alias="RATE_LIMITS")] = {}
    database_url: Annotated[str, Field(alias="DATABASE_URL", pattern=r"^postgresql(\+asyncpg)?://.+")]
    database_pool: Annotated[int, Field(alias="DATABASE_POOL", ge=1, le=100)] = 6
    wire: Annotated[Literal["inprocess", "rabbitmq"], Field(alias="WIRE")] = "rabbitmq"
    amqp_url: Annotated[str | None, Field(alias="AMQP_URL", pattern=r"^amqps?://.+")] = None
    jwks_url: Annotated[HttpUrl | None, Field(alias="JWKS_URL")] = None
    jwks_refresh: Annotated[SomeTime, Field(alias="JWKS_REFRESH")] = timedelta(minutes=1)
    seal_private_key: Annotated[JsonObject | None, Field(alias="SEAL_PRIVATE_KEY")] = None
    seal_public_keys: Annotated[JsonObject, Field(alias="SEAL_PUBLIC_KEYS")] = {}
    handler_limit: Annotated[SomeTime, Field(alias="HANDLER_LIMIT")] = timedelta(seconds=10)
    relay_shards: Annotated[int, Field(alias="RELAY_SHARDS", ge=1, le=64)] = 1
    pace: Annotated[float, Field(alias="SOUK_PACE", ge=1, le=60)] = 1
    grace: Annotated[Duration, Field(alias="SHUTDOWN_GRACE")] = timedelta(seconds=20)
    drain_delay: Annotated[Duration | None, Field(alias="DRAIN_DELAY")] = None
    faults: Annotated[str, Field(alias="FAULTS")] = ""
    collector: Annotated[HttpUrl | None, Field(alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    collector_headers: Annotated[str, Field(alias="OTEL_EXPORTER_OTLP_HEADERS", pattern=_HEADERS)] = ""
    traced_share: Annotated[float, Field(alias="OTEL_TRACES_SAMPLER_ARG", ge=0, le=1)] = 1
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(alias="LOG_LEVEL")] = "INFO"

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.wire == "rabbitmq" and self.role != "api" and not self.amqp_url:
            raise _bad("AMQP_URL", "is missing: name the broker, such as amqp://user:password@host:5672/")
        if self.environment == "production":
            self._production()
        try:
            faults.arm(self.faults)
        except ValueError as error:
            raise _bad("FAULTS", str(error)) from error
        return self

    def _production(self) -> None:
        if self.faults:
            raise _bad("FAULTS", "must be empty in production")
        if self.pace != 1:
            raise _bad("SOUK_PACE", "must be 1 in production: it makes every wait shorter")
        if self.wire == "inprocess":
            raise _bad("WIRE", "must be rabbitmq in production")
        if not self.public_url:
            raise _bad("PUBLIC_URL", "is missing: return pages and links in mails need it")
        if any(origin.startswith("http:") for origin in self.cors_origins):
            raise _bad("CORS_ORIGINS", "must be https:// addresses in production")
        self._check_secrets()

    def _check_secrets(self) -> None:
        """Refuse what everybody knows; a service's own secrets are its fields of the type SecretStr."""
        addresses = {_database_of(self.service): self.database_url, "AMQP_URL": self.amqp_url}
        for name, address in addresses.items():
            if address and guessable_in(address):
                raise _bad(name, "has no password, or one that everybody knows, which production refuses")
        for field, info in type(self).model_fields.items():
            value = getattr(self, field)
            if isinstance(value, SecretStr) and any_guessable(value.get_secret_value()):
                raise _bad(str(info.alias), "must not be a default in production: choose one that nobody can guess")

    @property
    def doubts(self) -> Sequence[str]:
        """What works, but hardly as it is meant: sentences for the operator, which the log has at the start."""
        return ()

    @property
    def internal(self) -> int:
        """Where health and metrics are: INTERNAL_PORT, else the port after PORT (any free one for 0)."""
        return self.internal_port if self.internal_port is not None else self.port and self.port + 1

    @property
    def public_base(self) -> str:
        """Where clients reach the system, without a trailing slash."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names the system answers to; empty means any: ALLOWED_HOSTS, else PUBLIC_URL's in production."""
        if self.allowed_hosts or self.environment != "production":
            return self.allowed_hosts
        return tuple(filter(None, [host_in(urlsplit(self.public_base).netloc)]))

    @property
    def https_only(self) -> bool:
        """Whether browsers are told never to ask in the clear."""
        return self.environment == "production" and self.public_base.startswith("https:")

    @property
    def requests_per_minute(self) -> int:
        """How often one client may ask; 0 is no limit."""
        return self.rate_limit if self.rate_limit is not None else 100 if self.environment == "production" else 0

    @property
    def jwks_source(self) -> str:
        """Where the public keys are."""
        return self.jwks_url or f"http://127.0.0.1:{self.port}/api/v1/auth/jwks"

    @property
    def drain(self) -> float:
        """For how many seconds newcomers are sent elsewhere before the port closes."""
        if self.drain_delay is not None:
            return self.drain_delay.total_seconds()
        return 3.0 if self.environment == "production" or self.role == "api" else 0.0

    def paced(self, duration: timedelta) -> float:
        """Return a duration in seconds, divided by the pace that tests set."""
        return duration.total_seconds() / self.pace

    def tick(self, duration: timedelta) -> float:
        """Return how often a loop looks, in seconds; a pace makes it no more than twice a second, for a look costs."""
        return max(self.paced(duration), min(duration.total_seconds(), _SHORTEST_TICK))


def _database_of(service: str) -> str:
    return f"DATABASE_URL_{service.upper()}"


def _bad(name: str, sentence: str) -> ValueError:
    return ValueError(f"{name} {sentence}.")


def load(settings: type[S], environ: Mapping[str, str]) -> S:
    """Read a service's settings; empty variables count as absent, and NAME_FILE names a file that holds NAME.

    Raises BadSetting with one sentence per fault.
    """
    own = _database_of(settings.service)
    aliases = {str(info.alias) for info in settings.model_fields.values()}
    try:
        found = from_files(environ, sorted(aliases - {"DATABASE_URL"} | {own}))
    except ValueError as error:
        raise BadSetting(str(error)) from error
    given = {name: value for name, value in found.items() if value.strip()}
    given["DATABASE_URL"] = given.get(own, "")
    try:
        return settings.model_validate({name: given[name] for name in aliases & given.keys()})
    except ValidationError as error:
        sentences = [_sentence(item, own) for item in error.errors()]
        raise BadSetting("\n".join(sentences)) from None


def _sentence(item: Any, own: str) -> str:  # noqa: ANN401 - pydantic's error, a dict
    name = str(item["loc"][0]) if item["loc"] else ""
    message = str(item["msg"]).removeprefix("Value error, ")
    if name == "DATABASE_URL":
        return f"{own} is missing or no PostgreSQL URL: write postgresql+asyncpg://user:password@host:5432/database."
    return f"{name} cannot be used: {message}." if name else message
