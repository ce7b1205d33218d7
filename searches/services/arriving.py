"""A visitor logs in, or signs up. Floor 3."""

from django.db import transaction

from exports.models import Artifact
from searches.models import Search
from searches.owners import Owner
from searches.services import saved


def bring_along(owner: Owner) -> None:
    """Give a user what its browser did before the login: saved searches, searches and their files.

    `owner`: the user, with the key of that browser, whose own nothing is afterwards. The audit's
    downloads stay as they were made: by a visitor.
    """
    if not owner.visitor or owner.user_id is None:
        return
    with transaction.atomic():
        # In this order: a run that is being made, and a file that is being linked, hold the row
        # before theirs (`saved._run_once`, `searches.finish`), so that neither is left behind.
        saved.adopt(owner)
        for model in (Search, Artifact):
            rows = model._default_manager.filter(owner_user=None, owner_visitor=owner.visitor)
            rows.update(**owner.columns)
