"""The e-mail address of an account: kept only once its reader has confirmed it. Floor 4."""

import hashlib
import logging
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

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
    digest = hashlib.sha256(address.casefold().encode()).hexdigest()
    today = AddressRequest.objects.filter(asked_at__gt=timezone.now() - timedelta(days=1))
    if (
        today.filter(user=user).count() >= MOST_OF_A_USER
        or today.filter(address_digest=digest).count() >= MOST_OF_AN_ADDRESS
    ):
        raise TooManyRequests
    AddressRequest.objects.create(user=user, address_digest=digest)
    token = signing.dumps({"user": user.pk, "address": address}, salt=_SALT)
    link = f"{settings.BIDIQ_PUBLIC_URL}{reverse('accounts:confirm_address', args=[token])}"
    message = EmailMessage(
        subject="Confirme o seu e-mail no bidiq",
        body=render_to_string("emails/confirm.txt", {"user": user, "link": link}),
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except Exception as error:  # the border to a mail server: smtplib, sockets, TLS
        # Not the error's own text: servers repeat the address in it.
        logger.warning("a confirmation could not be sent: %s", type(error).__name__)
        raise MailFailed from error


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
