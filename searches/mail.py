"""The mail server as the outside world that it is. Floor 1."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class MailFailed(Exception):
    """The mail server did not take it."""


@contextmanager
def mail_server(mail: str) -> Iterator[None]:
    """Call the mail server inside; what it, or the way to it, fails with becomes MailFailed.

    `mail`: what could not be sent then, for the log.
    """
    try:
        yield
    except Exception as error:  # the border: smtplib, sockets, TLS
        # Not the error's own text: servers repeat the address in it.
        logger.warning("%s could not be sent: %s", mail, type(error).__name__)
        raise MailFailed from error
