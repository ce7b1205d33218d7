"""The e-mail address of an account: kept only once its reader has confirmed it. Floor 4.

And the links that lead to a new password, which go to such addresses alone.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Thread
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.db import connections, transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bidiq.connections import release_connections
from searches.links import public_link
from searches.mail import MailFailed, mail_server
from searches.models import AddressRequest
from searches.services.turns import take_turn

logger = logging.getLogger(__name__)

#: In a day. Whoever signs up may name any address: nobody is to be pestered through us.
MOST_OF_A_USER, MOST_OF_AN_ADDRESS = 5, 3
DAY = timedelta(days=1)
#: Calls of the mail server for confirmations and new passwords, of one process: who asks waits for
#: it to be reached, and each has a thread.
MOST_CALLS_AT_ONCE = 8
_calls = BoundedSemaphore(MOST_CALLS_AT_ONCE)
#: Links from before they named the address that they replace are void.
_SALT = "searches.addresses.confirm.2"
_MAILED_LINK = "a link to a new password"


class TooManyRequests(Exception):
    """The user or the address had its share of mail today."""


def ask(user: User, address: str) -> None:
    """Send a link that confirms the address. Raises TooManyRequests and MailFailed."""
    signed = {"user": user.pk, "address": address, "instead_of": user.email}
    link = public_link("accounts:confirm_address", signing.dumps(signed, salt=_SALT))
    message = _message("confirm", "Confirme o seu e-mail no bidiq", address, user=user, link=link)
    _take_call()
    try:
        with _counted(user, address), mail_server("a confirmation"):
            message.send()
    finally:
        _calls.release()


def send_password_links(users: Iterable[User]) -> None:
    """Send users links to a new password, each to the address that it has confirmed.

    Nothing tells whether there was anybody to send to, not even how long it takes: users are looked
    for and written to aside. The mail server is called in any case: when it is down, or called so
    often that it is not called again, MailFailed is raised for everybody alike.
    """
    _take_call()
    try:
        with mail_server(_MAILED_LINK):
            release_connections()
            connection = get_connection()
            connection.open()
            # No daemon: a process that ends waits for it, which the mail server's timeout bounds.
            thread = Thread(
                target=_send_password_links, args=(connection, users), name="password-links"
            )
            thread.start()
    except MailFailed:
        _calls.release()
        raise


def _take_call() -> None:
    """Take one of the calls, to be released. Raises MailFailed when all are made at the moment."""
    if not _calls.acquire(blocking=False):
        logger.warning("the mail server is called %d times already", MOST_CALLS_AT_ONCE)
        raise MailFailed


def _send_password_links(connection: Any, users: Iterable[User]) -> None:
    try:
        with suppress(MailFailed), mail_server(_MAILED_LINK), connection:
            for user in users:
                _send_password_link(connection, user)
    finally:
        connections.close_all()  # of this thread
        _calls.release()


def _send_password_link(connection: Any, user: User) -> None:
    key = urlsafe_base64_encode(force_bytes(user.pk))
    link = public_link("accounts:new_password", key, default_token_generator.make_token(user))
    message = _message("password", "Uma nova senha no bidiq", user.email, user=user, link=link)
    try:
        with _counted(user, user.email, why="password"):
            connection.send_messages([message])
    except TooManyRequests:
        logger.info("no link to a new password: there were enough today")


def confirm(token: str, user: User) -> bool:
    """Keep the address that a user's link confirms; False when its address changed meanwhile.

    Raises signing.BadSignature as `read_link` does.
    """
    signed = _read(token, user)
    unchanged = User.objects.filter(pk=user.pk, email=signed["instead_of"])
    return bool(unchanged.update(email=signed["address"]))


def read_link(token: str, user: User) -> str:
    """Return the address that a user's link confirms, or has confirmed.

    Raises signing.BadSignature for a link that is not ours, too old, another user's, or older than
    the address that the user has now. An address is a credential, links to a new password go to it:
    whoever reads a mistyped one must not be able to make it the account's.
    """
    return str(_read(token, user)["address"])


def _read(token: str, user: User) -> dict[str, Any]:
    max_age = settings.PASSWORD_RESET_TIMEOUT
    signed: dict[str, Any] = signing.loads(token, salt=_SALT, max_age=max_age)
    if signed["user"] != user.pk or user.email not in (signed["instead_of"], signed["address"]):
        raise signing.BadSignature
    return signed


def forget(user: User) -> None:
    """Keep no address for a user: no mail goes out."""
    User.objects.filter(pk=user.pk).update(email="")


def forget_old(*, now: datetime | None = None) -> None:
    """Delete counts of mails that no limit looks at any more."""
    AddressRequest.objects.filter(asked_at__lt=(now or timezone.now()) - DAY).delete()


@contextmanager
def _counted(user: User, address: str, *, why: str = "") -> Iterator[None]:
    """Count the mail that is sent inside; one that could not be sent is taken back.

    Raises TooManyRequests when the user or the address had its share. An address has a share for
    each reason: who asks it for confirmations, being a stranger, must not be able to keep its owner
    from a new password.
    """
    digest = hashlib.sha256(f"{why}{address.casefold()}".encode()).hexdigest()
    with transaction.atomic():
        take_turn("mails with links")  # one for all: an address's share is taken by many users
        today = AddressRequest.objects.filter(asked_at__gt=timezone.now() - DAY)
        if (
            today.filter(user=user).count() >= MOST_OF_A_USER
            or today.filter(address_digest=digest).count() >= MOST_OF_AN_ADDRESS
        ):
            raise TooManyRequests
        counted = AddressRequest.objects.create(user=user, address_digest=digest)
    # Counted before it is sent: many that are sent at once must not all find room.
    release_connections()  # the pool's, which a mail server would keep from everybody else
    try:
        yield
    except BaseException:
        counted.delete()
        raise


def _message(template: str, subject: str, address: str, **context: object) -> EmailMessage:
    return EmailMessage(
        subject=subject,
        body=render_to_string(f"emails/{template}.txt", context),
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    )
