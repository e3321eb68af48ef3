"""The errors of ImageKit's API: a message and where to get help, as its API introduction says."""

from dataclasses import dataclass
from typing import Final

from sandbox.provider import JsonObject

_HELP: Final = "For support kindly contact us at support@imagekit.io ."


@dataclass(frozen=True)
class Answer:
    """An answer of the API before it becomes HTTP; without a body it is empty."""

    status: int
    body: JsonObject | list[JsonObject] | None = None


class ImageKitError(Exception):
    """A refused request; nothing of it is kept."""

    def __init__(self, message: str, status: int = 400, **more: object) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.more = more

    def answer(self) -> Answer:
        """The answer that tells the client."""
        return Answer(self.status, {"message": self.message, "help": _HELP, **self.more})


def missing(name: str) -> ImageKitError:
    """A parameter that must be there."""
    return ImageKitError(f"Your request is missing {name} parameter.")


def invalid(name: str, hint: str = "") -> ImageKitError:
    """A parameter that cannot be taken."""
    return ImageKitError(f"Your request contains invalid {name} parameter.{hint and ' '}{hint}")


def no_key() -> ImageKitError:
    """Nobody asks."""
    return ImageKitError("Your request does not contain private API key.", 401)


def wrong_key() -> ImageKitError:
    """Somebody else asks."""
    return ImageKitError("Your account cannot be authenticated.", 403)


def no_file() -> ImageKitError:
    """A file id nothing has."""
    return ImageKitError("The requested file does not exist.", 404)


def no_asset() -> ImageKitError:
    """A version id the file does not have."""
    return ImageKitError("The requested asset does not exist.", 404)


def trouble(status: int) -> ImageKitError:
    """ImageKit's own fault, or too many requests."""
    return ImageKitError("Something went wrong at our end. Please try again later.", status)
