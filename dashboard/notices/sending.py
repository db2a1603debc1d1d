"""Every way of telling that a deployment set up, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.errors import NoticeFailed
from dashboard.notices.mail import send
from dashboard.notices.mail_server import MailServer
from dashboard.notices.news import News
from dashboard.notices.webhook import post


def send_all(webhook_url: str, mail: MailServer | None, recipient: str, news: News) -> tuple[str, ...]:
    """Tell the news by every way there is, and what failed.

    A way that fails keeps no other from being tried, and is nothing that a run could stumble over: nothing is raised.

    Parameters
    ----------
    webhook_url
        "" for none.
    mail
        None for no mails.
    recipient
        The owner's mail address, "" when it is not known: no mail then.

    Returns
    -------
    tuple of str
        A sentence for each way that failed, without secrets, for the log.
    """
    ways: list[Callable[[], None]] = []
    if webhook_url:
        ways.append(lambda: post(webhook_url, news))
    if mail is not None and recipient:
        ways.append(lambda: send(mail, news, recipient))
    return tuple(sentence for sentence in map(_failure, ways) if sentence)


def _failure(way: Callable[[], None]) -> str:
    try:
        way()
    except NoticeFailed as error:
        return error.sentence
    return ""
