"""The end of an account. Floor 3."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from exports.models import Artifact, Download
from searches import selectors
from searches.domain.lifecycle import TERMINAL
from searches.models import Search
from searches.owners import Owner
from searches.services.searches import request_cancel


def delete_account(user: User, *, owner: Owner) -> None:
    """Delete a user with what it kept; its searches, files and downloads stay, as nobody's.

    `owner`: the user, with the key of the browser that it asks from: what was asked there at the
    very moment of the login goes the same way.
    """
    for search in selectors.visible_to(owner).exclude(status__in=TERMINAL):
        request_cancel(search)  # whoever watched is gone: nothing is published
    # Who fetched one of its files before the login is named by a browser's key alone.
    downloads = Q(user=user) | Q(user=None, artifact__owner_user=user)
    if owner.visitor:
        downloads |= Q(visitor=owner.visitor)
    with transaction.atomic():
        # First: which downloads they are, the owners of the files say.
        Download.objects.filter(downloads).update(user=None, visitor="")
        for rows in (Search.objects.filter(owner.mine()), Artifact.objects.filter(owner.mine())):
            rows.update(owner_user=None, owner_visitor="")
        selectors.saved_by(owner).delete()
        user.delete()  # and with it, by on_delete, tokens and counts of mails
