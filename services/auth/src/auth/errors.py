"""The ways to fail that only auth knows."""

from common.errors import Conflict, NotFound, TooMany, Unauthenticated, Unavailable


class EmailTaken(Conflict):
    """There is an account with this e-mail address already."""


class LoginFailed(Unauthenticated):
    """The e-mail address or the password is wrong, or the account cannot be used."""


class TooManyTries(TooMany):
    """There were too many tries: wait as long as Retry-After says, then try again."""


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, used or expired: log in again."""


class UserNotFound(NotFound):
    """There is no such user."""


class OwnAdminRole(Conflict):
    """You cannot disable yourself or take the admin role from yourself: ask another admin."""


class NoSigningKey(Unavailable):
    """The service has no signing key yet: try again shortly."""
