"""The notifier's own variables: its mail server and its sender."""

from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from common.settings import Duration, Port, ServiceSettings
from notifier.domain import Patience
from notifier.mailer import MailServer, StartTls

_SHORTEST_PACED: Final = 5.0  # a busy test machine is slow, but not away


def _sender(value: str) -> str:
    name, address = parseaddr(value)
    try:
        parsed = Address(name, addr_spec=address)
        address.encode("ascii")
    except (ValueError, MessageError, IndexError):
        parsed = Address()
    if not (parsed.username and parsed.domain and value.isprintable()):
        message = "write an address, such as Souk <shop@example.com>"
        raise ValueError(message)
    return value


class NotifierSettings(ServiceSettings):
    """What the notifier reads."""

    service: ClassVar[str] = "notifier"

    smtp_host: Annotated[str | None, Field(alias="SMTP_HOST")] = None
    smtp_port: Annotated[Port, Field(alias="SMTP_PORT")] = 1025
    smtp_username: Annotated[str | None, Field(alias="SMTP_USERNAME")] = None
    smtp_password: Annotated[SecretStr | None, Field(alias="SMTP_PASSWORD")] = None
    smtp_starttls: Annotated[StartTls, Field(alias="SMTP_STARTTLS")] = "auto"
    smtp_timeout: Annotated[Duration, Field(alias="SMTP_TIMEOUT", ge=timedelta(seconds=1))] = timedelta(minutes=1)
    mail_from: Annotated[str, Field(alias="MAIL_FROM"), AfterValidator(_sender)] = "Souk <souk@localhost>"
    mail_retry_after: Annotated[Duration, Field(alias="MAIL_RETRY_AFTER")] = timedelta(seconds=30)
    mail_give_up_after: Annotated[Duration, Field(alias="MAIL_GIVE_UP_AFTER")] = timedelta(days=4)

    @model_validator(mode="after")
    def _mail(self) -> Self:
        if self.smtp_password is not None and self.smtp_username is None:
            message = "SMTP_USERNAME is missing: SMTP_PASSWORD is of no use without it."
            raise ValueError(message)
        if self.environment == "production" and self.role != "api":
            if self.smtp_username and not self.smtp_password:
                message = "SMTP_PASSWORD is missing: SMTP_USERNAME is of no use without it."
                raise ValueError(message)
            for name, value in (("SMTP_HOST", self.smtp_host), ("MAIL_FROM", "mail_from" in self.model_fields_set)):
                if not value:
                    message = f"{name} is missing: in production mail goes to a real server from a real address."
                    raise ValueError(message)
        return self

    @property
    def sender(self) -> Address:
        """Who the mails are from."""
        name, address = parseaddr(self.mail_from)
        return Address(name, addr_spec=address)

    @property
    def shop_url(self) -> str:
        """Where links in mails lead."""
        return (self.storefront_url or self.public_base).rstrip("/")

    @property
    def mail_server(self) -> MailServer:
        """Where mail is handed in; without SMTP_HOST the mailbox of a development machine."""
        return MailServer(
            host=self.smtp_host or "127.0.0.1",
            port=self.smtp_port,
            limit=max(self.paced(self.smtp_timeout), min(self.smtp_timeout.total_seconds(), _SHORTEST_PACED)),
            username=self.smtp_username,
            password=self.smtp_password.get_secret_value() if self.smtp_password else None,
            start_tls=self.smtp_starttls,
            greeting=self.sender.domain,
        )

    @property
    def patience(self) -> Patience:
        """How mails are tried again."""
        return Patience(
            first=self.paced(self.mail_retry_after),
            longest=self.paced(timedelta(hours=1)),
            away=self.paced(timedelta(seconds=10)),
            give_up_after=self.paced(self.mail_give_up_after),
        )
