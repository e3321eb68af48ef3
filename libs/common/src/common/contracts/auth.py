"""What auth tells. The only facts that carry personal data."""

from uuid import UUID

from common.events import Event


class UserRegistered(Event, wire="user.registered", subject="user_id"):
    """Somebody has an account."""

    user_id: UUID
    name: str
    email: str
    roles: list[str]
    version_number: int


class UserUpdated(Event, wire="user.updated", subject="user_id"):
    """A user's name, address or roles are now these."""

    user_id: UUID
    name: str
    email: str
    roles: list[str]
    version_number: int


class UserLoggedIn(Event, wire="user.logged_in", subject="user_id", heard=False):
    """A user logged in: a new refresh family."""

    user_id: UUID
    session_id: UUID


class UserLoggedOut(Event, wire="user.logged_out", subject="user_id", heard=False):
    """A refresh family ended: by the user, or because a used token came back (`reuse`)."""

    user_id: UUID
    session_id: UUID
    reuse: bool


class UserLoginFailed(Event, wire="user.login_failed", subject="account", heard=False):
    """A login failed; `account` is a hash of the address, not the address."""

    account: str
