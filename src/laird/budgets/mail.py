"""Sending mail by SMTP (RFC 5321). Loaded only where a mail server is configured.

`smtps://` speaks TLS from the first byte (RFC 8314), `smtp://` turns to it by STARTTLS (RFC 3207)
where the server offers that. Names in certificates are checked. A password is sent over TLS alone,
but for a server on this machine.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import msgspec

from laird.budgets.post import MailFailed
from laird.domain.errors import StartError
from laird.domain.secret import Secret

TIMEOUT_S = 20.0

_PORTS = {"smtp": 587, "smtps": 465}
_FORM = "smtp://user:password@host:587 or smtps://user:password@host:465"


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed over, and between whom."""

    host: str
    port: int
    implicit_tls: bool
    user: str | None = None
    password: Secret | None = None
    sender: str
    recipients: tuple[str, ...]
    on_this_machine: bool
    """The server is reached without a network, so that a password may go out in the clear."""


def read_mailbox(url: str, sender: str, recipients: str) -> Mailbox:
    """Read the settings. Raises `StartError` in one line that names the variable, never a password.

    `recipients` are separated by commas. Without a sender, the user's name is one if it is an
    address.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port = host = None
        parts = urlsplit("")
    if parts.scheme not in _PORTS or not host or parts.path not in {"", "/"} or parts.query:
        raise StartError(f"LAIRD_SMTP_URL is wrong: write {_FORM}.")
    to = tuple(each.strip() for each in recipients.split(",") if each.strip())
    user = unquote(parts.username) if parts.username else None
    if not sender and user and "@" in user:
        sender = user
    for variable, found in (("LAIRD_ALERT_TO", to), ("LAIRD_ALERT_FROM", (sender,))):
        if not found or not all(_is_address(each) for each in found):
            raise StartError(
                f"{variable} is missing or wrong: alerts go out by LAIRD_SMTP_URL, so write an"
                " address such as ann@example.org."
            )
    return Mailbox(
        host=host,
        port=port or _PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        user=user,
        password=Secret(unquote(parts.password)) if parts.password else None,
        sender=sender,
        recipients=to,
        on_this_machine=_is_here(host),
    )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(name and at and domain) and text.isprintable() and " " not in text


class Mailer:
    """Hands messages over to one server. See `budgets.post.Send`."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        context: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._mailbox = mailbox
        self._context = context
        self._timeout_s = timeout_s

    async def send(self, subject: str, text: str) -> None:
        """Send a message. Raises `MailFailed`.

        The work is done in a thread that nothing waits for at the end of the process.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def tell(problem: MailFailed | None) -> None:
            if done.done():
                return
            if problem is None:
                done.set_result(None)
            else:
                done.set_exception(problem)

        def work() -> None:
            problem = self._attempt(subject, text)
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, problem)

        threading.Thread(target=work, name="laird-mail", daemon=True).start()
        await done

    def _attempt(self, subject: str, text: str) -> MailFailed | None:
        try:
            self._hand_over(_message(self._mailbox, subject, text))
        except (OSError, smtplib.SMTPException) as error:
            return MailFailed(self._words(error))
        except MailFailed as problem:
            return problem
        return None

    def _hand_over(self, message: EmailMessage) -> None:
        box = self._mailbox
        context = self._context or ssl.create_default_context()
        name = socket.gethostname()
        server: smtplib.SMTP
        if box.implicit_tls:
            server = smtplib.SMTP_SSL(
                box.host, box.port, name, timeout=self._timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(box.host, box.port, name, timeout=self._timeout_s)
        with server:
            secure = box.implicit_tls
            if not secure:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls(context=context)
                    server.ehlo()
                    secure = True
            if box.user and box.password is not None:
                if not (secure or box.on_this_machine):
                    raise MailFailed(
                        f"{box.host} offers no TLS, and a password is not sent without. Use"
                        " smtps:// or another server."
                    )
                server.login(box.user, box.password.reveal())
            server.send_message(message)

    def _words(self, error: Exception) -> str:
        """Say what went wrong. A server may repeat what it was sent, so secrets are taken out."""
        box = self._mailbox
        if isinstance(error, smtplib.SMTPResponseException):
            answer = error.smtp_error
            said = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
            text = f"{box.host} answered {error.smtp_code}: {said}"
        elif isinstance(error, smtplib.SMTPRecipientsRefused):
            text = f"{box.host} refused {', '.join(error.recipients)}"
        else:
            text = f"{box.host}:{box.port} can't be used: {str(error) or type(error).__name__}"
        if box.password is not None:
            text = text.replace(box.password.reveal(), "***")
        return " ".join(text.split())[:300]


def _message(box: Mailbox, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = box.sender
    message["To"] = ", ".join(box.recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=box.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message
