"""News as a mail to the owner, through the deployment's mail server."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from dashboard.errors import NoticeFailed
from dashboard.notices.deadline import Deadline
from dashboard.notices.mail_server import STARTTLS, TLS, MailServer, is_address
from dashboard.notices.news import News

POLICY = SMTP.clone(cte_type="7bit")
"""Lines end as mail's do, and every server can carry the text."""


def send(server: MailServer, news: News, recipient: str, seconds: float = 30.0) -> None:
    """Hand the news over to the mail server.

    Parameters
    ----------
    recipient
        A plain address, such as ada@example.org.
    seconds
        Deadline, from the connection to the server's last word.

    Raises
    ------
    NoticeFailed
        When the recipient is no such address, or the server does not take the mail in time.
    """
    if not is_address(recipient):
        raise NoticeFailed("No mail was sent: the recipient is no plain mail address, such as ada@example.org.")
    if problem := _problem(server, written(server, news, recipient), Deadline(seconds)):
        # Told here and not where an error is handled, which would be its context and may repeat what was sent.
        raise NoticeFailed(f"The mail server {server.host} {problem}")


def written(server: MailServer, news: News, recipient: str) -> EmailMessage:
    """The mail as it is sent."""
    message = EmailMessage(POLICY)
    message["From"] = Address("INTEGRAL dashboard", addr_spec=server.sender)
    message["To"] = Address(addr_spec=recipient)
    # "=?" opens an encoded word, which may hold anything, line ends too; EmailMessage decodes it when a header is set.
    message["Subject"] = news.subject.replace("=?", "= ?")
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(news.text)
    return message


def _problem(server: MailServer, message: EmailMessage, deadline: Deadline) -> str:
    """Why it was not taken, "" when it was."""
    try:
        deadline.run(lambda: _hand_over(server, message, deadline))
    except TimeoutError:
        return f"did not take the mail within {deadline.seconds:.3g} s."
    except smtplib.SMTPAuthenticationError as error:
        return f"refuses user name and password ({error.smtp_code}): check them in its address."
    except smtplib.SMTPRecipientsRefused as error:
        codes = ", ".join(str(code) for code, _ in error.recipients.values())
        return f"refuses the recipient ({codes}): check the mail address."
    except smtplib.SMTPSenderRefused as error:
        return f"refuses the sender ({error.smtp_code}): check from= in its address, and whether it asks for a log-in."
    except smtplib.SMTPResponseException as error:
        if error.smtp_code < 0:
            return "does not speak as a mail server does: check scheme, host and port of its address."
        return f"refuses the mail ({error.smtp_code}): its log says why."
    except smtplib.SMTPNotSupportedError:
        return "does not offer what its address asks for, STARTTLS or a log-in: check both."
    except ssl.SSLCertVerificationError:
        return "shows a certificate that this machine does not trust: check host name and certificate."
    except (smtplib.SMTPException, OSError, ValueError):
        return "cannot be reached, or breaks off: check scheme, host and port of its address."
    return ""


def _hand_over(server: MailServer, message: EmailMessage, deadline: Deadline) -> None:
    with closing(_Line(server, deadline)) as line:
        if server.security == STARTTLS:
            line.starttls(context=ssl.create_default_context())
        if server.user:
            line.login(server.user, server.password)
        line.send_message(message)
        with suppress(OSError):  # the mail is taken: what the server says to a farewell is not waited for
            line.putcmd("quit")


class _Line(smtplib.SMTP):
    """A connection that ends at a deadline, also while it is built up."""

    def __init__(self, server: MailServer, deadline: Deadline) -> None:
        self._server, self._deadline = server, deadline
        super().__init__(server.host, server.port, timeout=deadline.patience)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        self._deadline.hold(connection)
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host) if self._server.security == TLS else connection
