"""Auth's own variables: tokens, sessions and keys, how passwords are hashed, how often to try, the first admin."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, SecretStr, model_validator

from auth.domain import LONGEST_ACCESS, KeyPolicy, SessionPolicy, normal_password, weakness
from auth.passwords import Profile
from auth.tries import MOST_IN_A_ROW, Limits, Streak
from common.http.fields import Email
from common.settings import Duration, ServiceSettings

JWKS_MAX_AGE: Final = timedelta(seconds=60)
_ADMIN_PASSWORD_IN_PRODUCTION = 12
_INSTANT, _DAY, _SHORTEST_GOOD_KEY = timedelta(0), timedelta(days=1), timedelta(days=1)
# In an hour, but for the first: failures in a row that cost nothing.
_IN_PRODUCTION: Final = {
    "login_tries": 5,
    "failures_per_address": 100,
    "failures_in_all": 10_000,
    "registrations_per_account": 5,
    "registrations_per_address": 50,
    "registrations_in_all": 5_000,
}
_IN_DEVELOPMENT: Final = {
    "login_tries": 20,
    "failures_per_address": 10_000,
    "failures_in_all": 1_000_000,
    "registrations_per_account": 1_000,
    "registrations_per_address": 100_000,
    "registrations_in_all": 1_000_000,
}
Most = Annotated[int | None, Field(ge=1)]


class AuthSettings(ServiceSettings):
    """What the auth service reads."""

    service: ClassVar[str] = "auth"

    access_lifetime: Annotated[Duration, Field(alias="ACCESS_TOKEN_LIFETIME", gt=_INSTANT, le=LONGEST_ACCESS)] = (
        LONGEST_ACCESS
    )
    refresh_idle: Annotated[Duration, Field(alias="REFRESH_IDLE", gt=_INSTANT)] = timedelta(days=14)
    refresh_lifetime: Annotated[Duration, Field(alias="REFRESH_LIFETIME", gt=_INSTANT, le=timedelta(days=90))] = (
        timedelta(days=30)
    )
    refresh_grace: Annotated[Duration, Field(alias="REFRESH_GRACE", ge=_INSTANT, le=timedelta(seconds=60))] = timedelta(
        seconds=10
    )
    key_lifetime: Annotated[Duration, Field(alias="SIGNING_KEY_LIFETIME", gt=_INSTANT)] = timedelta(days=30)
    argon2_profile: Annotated[Profile, Field(alias="ARGON2_PROFILE")] = "standard"
    login_tries: Annotated[int | None, Field(alias="LOGIN_TRIES", ge=1, le=MOST_IN_A_ROW)] = None
    login_first_wait: Annotated[Duration, Field(alias="LOGIN_FIRST_WAIT", gt=_INSTANT)] = timedelta(seconds=1)
    login_longest_wait: Annotated[Duration, Field(alias="LOGIN_LONGEST_WAIT", le=_DAY)] = timedelta(minutes=15)
    login_most_failures: Annotated[int, Field(alias="LOGIN_MOST_FAILURES", ge=1, le=MOST_IN_A_ROW)] = MOST_IN_A_ROW
    login_locked_for: Annotated[Duration, Field(alias="LOGIN_LOCKED_FOR", le=30 * _DAY)] = _DAY
    login_known_for: Annotated[Duration, Field(alias="LOGIN_KNOWN_FOR")] = 90 * _DAY
    failures_per_address: Annotated[Most, Field(alias="LOGIN_FAILURES_PER_ADDRESS")] = None
    failures_in_all: Annotated[Most, Field(alias="LOGIN_FAILURES_IN_ALL")] = None
    registrations_per_account: Annotated[Most, Field(alias="REGISTRATIONS_PER_ACCOUNT")] = None
    registrations_per_address: Annotated[Most, Field(alias="REGISTRATIONS_PER_ADDRESS")] = None
    registrations_in_all: Annotated[Most, Field(alias="REGISTRATIONS_IN_ALL")] = None
    admin_email: Annotated[Email | None, Field(alias="ADMIN_EMAIL")] = None
    admin_password: Annotated[SecretStr | None, Field(alias="ADMIN_PASSWORD")] = None

    @property
    def sessions(self) -> SessionPolicy:
        """How long sessions live."""
        return SessionPolicy(self.refresh_idle, self.refresh_lifetime, self.refresh_grace)

    @property
    def keys(self) -> KeyPolicy:
        """How long keys sign; a new one is public for a refresh, and a cached answer, before it does."""
        return KeyPolicy(self.key_lifetime, self.jwks_refresh + JWKS_MAX_AGE)

    @property
    def tries(self) -> Limits:
        """How many logins and registrations are too many: few in production, more than a crowd of tests otherwise."""
        defaults = _IN_PRODUCTION if self.environment == "production" else _IN_DEVELOPMENT
        given = {name: getattr(self, name) for name in defaults}
        counts = defaults | {name: value for name, value in given.items() if value is not None}
        waits = (self.login_first_wait, self.login_longest_wait, self.login_most_failures, self.login_locked_for)
        return Limits(Streak(counts.pop("login_tries"), *waits), known_for=self.login_known_for, **counts)

    @property
    def first_admin(self) -> tuple[str, str] | None:
        """The address and password of the admin to make at the first start."""
        if self.admin_email is None or self.admin_password is None:
            return None
        return self.admin_email, normal_password(self.admin_password.get_secret_value())

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.key_lifetime < self.jwks_refresh:
            message = "SIGNING_KEY_LIFETIME must not be shorter than JWKS_REFRESH: services would not know the new key."
            raise ValueError(message)
        if self.refresh_idle > self.refresh_lifetime:
            message = "REFRESH_IDLE must not be longer than REFRESH_LIFETIME."
            raise ValueError(message)
        if self.login_known_for <= self.refresh_lifetime:
            message = "LOGIN_KNOWN_FOR must be longer than REFRESH_LIFETIME: who must log in again would be a stranger."
            raise ValueError(message)
        if not self.login_first_wait <= self.login_longest_wait <= self.login_locked_for:
            message = "LOGIN_FIRST_WAIT must not be longer than LOGIN_LONGEST_WAIT, nor that than LOGIN_LOCKED_FOR."
            raise ValueError(message)
        self._check_admin()
        return self

    def _check_admin(self) -> None:
        if (self.admin_email is None) != (self.admin_password is None):
            missing = "ADMIN_PASSWORD" if self.admin_password is None else "ADMIN_EMAIL"
            message = f"{missing} is missing: give both ADMIN_EMAIL and ADMIN_PASSWORD, or neither."
            raise ValueError(message)
        if not self.first_admin:
            return
        email, password = self.first_admin
        if weak := weakness(password, email):
            message = f"ADMIN_PASSWORD cannot be used: {weak.sentence}."
            raise ValueError(message)
        if self.environment == "production" and len(password) < _ADMIN_PASSWORD_IN_PRODUCTION:
            message = f"ADMIN_PASSWORD must have at least {_ADMIN_PASSWORD_IN_PRODUCTION} characters in production."
            raise ValueError(message)

    def _production(self) -> None:
        super()._production()
        if self.argon2_profile != "standard":
            message = "ARGON2_PROFILE must be standard in production: light hashes are for tests."
            raise ValueError(message)
        if self.key_lifetime < _SHORTEST_GOOD_KEY:
            message = "SIGNING_KEY_LIFETIME must be at least 1d in production."
            raise ValueError(message)
        if self.access_lifetime < timedelta(minutes=1) or self.refresh_idle < timedelta(minutes=10):
            message = "ACCESS_TOKEN_LIFETIME must be at least 1m and REFRESH_IDLE at least 10m in production."
            raise ValueError(message)
