"""The JSON of auth's API, in and out."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from auth.domain import LONGEST_PASSWORD, SHORTEST_PASSWORD, Role, UserChanges, normal_password, weakness
from auth.models import User
from common.http.fields import Email, Line, Strict, Text, TimeOut
from common.http.paging import Page

# Three code points at most compose into one; what is longer is refused before anything looks at it.
_LONGEST_WRITTEN = 3 * LONGEST_PASSWORD

Name = Annotated[Line, Field(min_length=1, max_length=200)]
_LENGTH = Field(json_schema_extra={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD})
RefreshTokenIn = Annotated[str, Field(min_length=1, max_length=512)]


class RegisterIn(Strict):
    """A new account."""

    name: Name
    email: Email
    password: Annotated[Text, Field(max_length=_LONGEST_WRITTEN), AfterValidator(normal_password), _LENGTH]

    @field_validator("password")
    @classmethod
    def _strong_enough(cls, password: str, info: ValidationInfo) -> str:
        weak = weakness(password, info.data.get("email", "@"))
        if weak:
            raise PydanticCustomError(weak.value, weak.sentence)
        return password


class LoginIn(Strict):
    """An address and its password."""

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=_LONGEST_WRITTEN), AfterValidator(normal_password)]


class RefreshIn(Strict):
    """A refresh token."""

    refresh_token: RefreshTokenIn


class RenameIn(Strict):
    """What users may change of themselves."""

    name: Name


class UserChangesIn(Strict):
    """What an admin may change of a user; what is absent stays."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=4, default_factory=list)]
    disabled: bool = False

    def changes(self) -> UserChanges:
        """Return what was given."""
        return UserChanges(**self.model_dump(exclude_unset=True))


class UserOut(BaseModel):
    """An account, as its owner sees it."""

    id: UUID
    name: str
    email: str
    roles: list[str]
    email_verified: bool

    @classmethod
    def of(cls, user: User) -> "UserOut":
        """Show a user."""
        return cls(id=user.id, name=user.name, email=user.email, roles=user.roles, email_verified=user.email_verified)


class UserAdminOut(UserOut):
    """An account, as an admin sees it."""

    disabled: bool
    version: int
    created_at: TimeOut
    updated_at: TimeOut

    @classmethod
    def of(cls, user: User) -> "UserAdminOut":
        """Show a user."""
        return cls(
            **UserOut.of(user).model_dump(),
            disabled=user.disabled,
            version=user.version,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class UsersPage(Page):
    """Which users to list."""

    email: Email | None = None


class TokensOut(BaseModel):
    """A pair of tokens; `expires_in` is the access token's life in seconds (RFC 6749)."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's name
    expires_in: int


class JwksOut(BaseModel):
    """The public keys of access tokens (RFC 7517)."""

    keys: list[dict[str, Any]]
