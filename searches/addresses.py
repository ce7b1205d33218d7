"""The e-mail address of an account: kept only once its reader has confirmed it. Floor 4.

And the links that lead to a new password, which go to such addresses alone.
"""

import hashlib
import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from searches.models import AddressRequest

logger = logging.getLogger(__name__)

LINK_SECONDS = 3 * 86400
#: In a day. Whoever signs up may name any address: nobody is to be pestered through us.
MOST_OF_A_USER, MOST_OF_AN_ADDRESS = 5, 3
_SALT = "searches.addresses.confirm"


class TooManyRequests(Exception):
    """The user or the address had its share of mail today."""


class MailFailed(Exception):
    """The mail server did not take it."""


def ask(user: User, address: str) -> None:
    """Send a link that confirms the address. Raises TooManyRequests and MailFailed."""
    _count(user, address)
    token = signing.dumps({"user": user.pk, "address": address}, salt=_SALT)
    link = _link("accounts:confirm_address", token)
    message = _message("confirm", "Confirme o seu e-mail no bidiq", address, user=user, link=link)
    try:
        message.send()
    except Exception as error:  # the border to a mail server: smtplib, sockets, TLS
        # Not the error's own text: servers repeat the address in it.
        logger.warning("a confirmation could not be sent: %s", type(error).__name__)
        raise MailFailed from error


def send_password_links(users: Iterable[User]) -> None:
    """Send users links to a new password, each to the address that it has confirmed.

    Nothing tells whether there was anybody to send to. So the mail server is called in any case:
    when it is down, MailFailed is raised for everybody alike.
    """
    connection = get_connection()
    try:
        connection.open()
    except Exception as error:  # as above
        logger.warning("the mail server could not be reached: %s", type(error).__name__)
        raise MailFailed from error
    messages = []
    for user in users:
        try:
            _count(user, user.email, why="password")
        except TooManyRequests:
            continue
        key = urlsafe_base64_encode(force_bytes(user.pk))
        link = _link("accounts:new_password", key, default_token_generator.make_token(user))
        messages.append(
            _message("password", "Uma nova senha no bidiq", user.email, user=user, link=link)
        )
    try:
        connection.send_messages(messages)
        connection.close()
    except Exception as error:  # as above
        logger.warning("a link to a new password could not be sent: %s", type(error).__name__)


def confirm(token: str) -> bool:
    """Keep the address that a link confirms; False when its user is gone.

    Raises signing.BadSignature for a link that is not ours or too old.
    """
    user_id, address = read_link(token)
    return bool(User.objects.filter(pk=user_id).update(email=address))


def read_link(token: str) -> tuple[int, str]:
    """Return the user's id and the address of a link. Raises signing.BadSignature."""
    found = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    return int(found["user"]), str(found["address"])


def forget(user: User) -> None:
    """Keep no address for a user: no mail goes out."""
    User.objects.filter(pk=user.pk).update(email="")


def _count(user: User, address: str, *, why: str = "") -> None:
    """Count a mail, unless the user or the address had its share: then raises TooManyRequests.

    An address has a share for each reason: who asks it for confirmations, being a stranger, must
    not be able to keep its owner from a new password.
    """
    digest = hashlib.sha256(f"{why}{address.casefold()}".encode()).hexdigest()
    today = AddressRequest.objects.filter(asked_at__gt=timezone.now() - timedelta(days=1))
    if (
        today.filter(user=user).count() >= MOST_OF_A_USER
        or today.filter(address_digest=digest).count() >= MOST_OF_AN_ADDRESS
    ):
        raise TooManyRequests
    AddressRequest.objects.create(user=user, address_digest=digest)


def _link(name: str, *arguments: str) -> str:
    """Return an address for a mail: never made of what a client sent."""
    return f"{settings.BIDIQ_PUBLIC_URL}{reverse(name, args=arguments)}"


def _message(template: str, subject: str, address: str, **context: object) -> EmailMessage:
    return EmailMessage(
        subject=subject,
        body=render_to_string(f"emails/{template}.txt", context),
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    )
