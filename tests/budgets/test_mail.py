"""Mail goes out over a real socket, encrypted where it can be, and secrets stay in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from email.header import decode_header, make_header

import msgspec
import pytest
import trustme
from tests.budgets.smtp_server import MailServer, mail_server
from tests.support.upstream import unused_port

from laird.budgets.mail import Mailbox, Mailer, read_mailbox
from laird.budgets.post import MailFailed
from laird.domain.errors import StartError

PASSWORD = "s3cret:w/ith%odd@signs"
QUOTED = "s3cret%3Aw%2Fith%25odd%40signs"
LOGIN = ("ann@example.org", PASSWORD)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """What a server whose name is 127.0.0.1 speaks TLS with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def plain() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def mailbox(server: MailServer, scheme: str = "smtp", *, login: bool = False) -> Mailbox:
    user = f"ann%40example.org:{QUOTED}@" if login else ""
    url = f"{scheme}://{user}127.0.0.1:{server.port}"
    return read_mailbox(url, "laird@example.org", "ann@example.org, bob@example.org")


def mailer(
    server: MailServer,
    scheme: str = "smtp",
    *,
    login: bool = False,
    context: ssl.SSLContext | None = None,
) -> Mailer:
    return Mailer(mailbox(server, scheme, login=login), context=context)


async def test_a_message_arrives_as_it_was_written(plain: MailServer) -> None:
    await mailer(plain).send("Budget 'Küche' has reached 80%", "It is so.\n\nSee to it.\n")
    (message,) = plain.messages
    assert message["From"] == "laird@example.org"
    assert message["To"] == "ann@example.org, bob@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert message["Message-ID"].endswith("@example.org>")
    assert str(make_header(decode_header(message["Subject"]))) == "Budget 'Küche' has reached 80%"
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert text.replace(b"\r\n", b"\n") == b"It is so.\n\nSee to it.\n"
    assert plain.sessions[0].commands.count("RCPT") == 2


async def test_tls_is_turned_to_where_it_is_offered(
    certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with mail_server(context=certified, login=LOGIN) as server:
        await mailer(server, login=True, context=trusting).send("s", "t")
        (session,) = server.sessions
    assert session.secure
    assert (session.user, session.password) == LOGIN
    assert session.commands.index("STARTTLS") < session.commands.index("AUTH")
    assert len(server.messages) == 1


async def test_tls_from_the_first_byte(certified: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    with mail_server(context=certified, implicit=True, login=LOGIN) as server:
        await mailer(server, "smtps", login=True, context=trusting).send("s", "t")
        assert server.sessions[0].secure
        assert server.sessions[0].password == PASSWORD


@pytest.mark.parametrize("implicit", [True, False])
async def test_a_certificate_of_nobody_known_is_refused_before_the_password(
    certified: ssl.SSLContext, *, implicit: bool
) -> None:
    with mail_server(context=certified, implicit=implicit, login=LOGIN) as server:
        with pytest.raises(MailFailed, match="certificate"):
            await mailer(server, "smtps" if implicit else "smtp", login=True).send("s", "t")
        server.wait_for(lambda: server.sessions)
        assert all(session.password is None for session in server.sessions)


async def test_a_password_is_not_sent_over_a_network_without_tls() -> None:
    with mail_server(login=LOGIN) as server:
        near = mailbox(server, login=True)
        assert near.on_this_machine
        await Mailer(near).send("s", "t")
        assert server.sessions[0].password == PASSWORD
        far = msgspec.structs.replace(near, on_this_machine=False)
        with pytest.raises(MailFailed, match="no TLS"):
            await Mailer(far).send("s", "t")
        server.wait_for(lambda: len(server.sessions) == 2)
        assert server.sessions[1].password is None
        assert len(server.messages) == 1


async def test_what_a_server_refuses_is_said_without_the_password() -> None:
    with mail_server(login=("ann", "other")) as server:
        with pytest.raises(MailFailed) as failed:
            await mailer(server, login=True).send("s", "t")
        assert "535" in str(failed.value)
        assert PASSWORD not in str(failed.value)
        assert "***" in str(failed.value)


@pytest.mark.parametrize(
    ("verb", "answer", "says"),
    [
        ("CONNECT", "554 go away", "554"),
        ("MAIL", "451 later", "451"),
        ("RCPT", "550 nobody", "refused ann@example.org, bob@example.org"),
        ("DATA", "452 full", "452"),
    ],
)
async def test_every_refusal_names_the_server_and_the_cause(
    plain: MailServer, verb: str, answer: str, says: str
) -> None:
    plain.refuse[verb] = answer
    with pytest.raises(MailFailed, match=says) as failed:
        await mailer(plain).send("s", "t")
    assert "127.0.0.1" in str(failed.value)
    assert plain.messages == []


async def test_a_server_that_is_not_there_or_hangs_up_is_said() -> None:
    box = read_mailbox(f"smtp://127.0.0.1:{unused_port()}", "a@b.org", "a@b.org")
    with pytest.raises(MailFailed, match=f"127.0.0.1:{box.port} can't be used"):
        await Mailer(box).send("s", "t")
    with mail_server() as server:
        server.drop = 1
        with pytest.raises(MailFailed):
            await mailer(server).send("s", "t")


async def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        slow = Mailer(read_mailbox(url, "a@b.org", "a@b.org"), timeout_s=0.1)
        with pytest.raises(MailFailed, match="timed out"):
            await slow.send("s", "t")


async def test_sending_can_be_given_up(plain: MailServer) -> None:
    sending = asyncio.create_task(mailer(plain).send("s", "t"))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.to_thread(plain.wait_for, lambda: plain.sessions)
    await asyncio.sleep(0)


def test_settings_are_read() -> None:
    box = read_mailbox("smtps://ann%40example.org:p%20w@mail.example.org", "", "bob@example.org")
    assert (box.host, box.port, box.implicit_tls) == ("mail.example.org", 465, True)
    assert box.sender == "ann@example.org"
    assert box.password is not None
    assert box.password.reveal() == "p w"
    assert "p w" not in repr(box)
    other = read_mailbox("smtp://[::1]/", "laird@example.org", "a@b.org,, c@d.org ,")
    assert (other.host, other.port, other.implicit_tls) == ("::1", 587, False)
    assert other.recipients == ("a@b.org", "c@d.org")
    assert other.on_this_machine
    assert other.user is None


@pytest.mark.parametrize(
    ("url", "sender", "to", "variable"),
    [
        ("mail.example.org", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("http://mail.example.org", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("smtp://", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("smtp://u:secret@h:port", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("smtp://u:secret@h/path", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("smtp://u:secret@h?x=1", "a@b.org", "a@b.org", "LAIRD_SMTP_URL"),
        ("smtp://u:secret@h", "a@b.org", "", "LAIRD_ALERT_TO"),
        ("smtp://u:secret@h", "a@b.org", "nobody", "LAIRD_ALERT_TO"),
        ("smtp://u:secret@h", "", "a@b.org", "LAIRD_ALERT_FROM"),
        ("smtp://u:secret@h", "a\n@b.org", "a@b.org", "LAIRD_ALERT_FROM"),
    ],
)
def test_wrong_settings_name_the_variable_and_no_secret(
    url: str, sender: str, to: str, variable: str
) -> None:
    with pytest.raises(StartError, match=variable) as wrong:
        read_mailbox(url, sender, to)
    assert "secret" not in wrong.value.message
    assert "\n" not in wrong.value.message
