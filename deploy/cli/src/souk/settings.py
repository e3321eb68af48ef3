"""What the souk command is given: the user's environment, over what a `.env` file says, and what only operators set."""

import os
from typing import Final

from dotenv import dotenv_values

from common.credentials import FILE, from_files
from common.settings import BadSetting
from souk.home import ROOT, SERVICES

# Read by no service: who makes databases and users, and who looks into all of them.
OPERATORS_OWN: Final = (
    *("ADMIN_DATABASE_URL", "OPERATOR_DATABASE_URL", "AMQP_MANAGEMENT_URL"),
    *(f"AMQP_URL_{service.upper()}" for service in SERVICES),
)
_MAY_BE_FILES: Final = (
    *("ADMIN_", "AMQP_", "ASSET_", "DATABASE_URL_", "IMAGEKIT_", "OPERATOR_"),
    *("RAZORPAY_", "S3_", "SEAL_", "SMTP_", "STRIPE_"),
)


def given() -> dict[str, str]:
    """Return the user's environment, over what a `.env` file says; what is in files is read. Raises BadSetting."""
    found = {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}
    named = (name.removesuffix(FILE) for name in found if name.endswith(FILE))
    try:
        return from_files(found, [name for name in named if name.startswith(_MAY_BE_FILES)])
    except ValueError as error:
        raise BadSetting(str(error)) from error
