"""The daily e-mail about what is new in a saved search. Floor 4."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import Truncator

from bidiq import logs
from bidiq.connections import release_connections
from searches import askings, selectors, wording
from searches.database import AWAY, patiently_here
from searches.domain.lifecycle import TERMINAL, DigestState, Status
from searches.domain.query import Order
from searches.domain.stored import stored_query
from searches.domain.summary import days_left
from searches.domain.text import one_line
from searches.links import public_link
from searches.mail import MailFailed, mail_server
from searches.models import Digest, Match, Notice, SavedSearch, Search

logger = logging.getLogger(__name__)

#: The best of what is new; the rest is on the page.
MOST_NOTICES = 20
LONGEST_OBJECT = 240
MOST_ATTEMPTS = 5
#: Before the second attempt; doubled before each later one.
RETRY_AFTER = timedelta(minutes=5)
_SALT = "searches.digests.stop"


def address_of(user: Any) -> str:
    """Return the address that a user has confirmed; only such are ever kept with the account."""
    return str(user.email) if user is not None and user.is_active else ""


def stop_link(saved: SavedSearch) -> str:
    """Return the link that ends the mail about a saved search, without a login."""
    return public_link("searches:stop_mail", signing.dumps(saved.pk.hex, salt=_SALT))


def saved_id_of(token: str) -> UUID:
    """Return which saved search a stop link is about. Raises signing.BadSignature."""
    return UUID(signing.loads(token, salt=_SALT))


def send_due(*, now: datetime | None = None) -> int:
    """Send the mail about runs that have ended; return how many were sent.

    Any number of processes may do it: who moves the next attempt sends. A process that dies right
    after sending leads to a second mail with the same Message-ID, never to none. A database that is
    away uses no attempt up. Of a saved search one goes after the other.
    """
    moment = now or timezone.now()
    waiting = Digest.objects.filter(state=DigestState.WAITING)
    due = waiting.filter(next_try_at__lte=moment, search__status__in=TERMINAL)
    due = due.select_related("search__saved__owner_user", "search").order_by("search__created_at")
    # What is new is known once the mail before it has gone, or has been given up.
    before = waiting.filter(
        search__saved=OuterRef("search__saved"),
        search__created_at__lt=OuterRef("search__created_at"),
    )
    sent = 0
    for digest in due:
        # From now on, not from the round's beginning: the mails before it may have taken longer
        # than the pause, and a moment that is over would be anybody's at once.
        again_at = max(moment, timezone.now()) + RETRY_AFTER * 2**digest.attempts
        unmoved = waiting.filter(~Exists(before), pk=digest.pk, next_try_at=digest.next_try_at)
        if unmoved.update(next_try_at=again_at):
            token = logs.search_id.set(str(digest.pk))
            try:
                sent += _send(digest)
            except AWAY:
                raise
            except Exception:  # the others' mails wait for no fault of this one
                logger.exception("the digest could not be made")
                _failed(digest)
            finally:
                logs.search_id.reset(token)
    return sent


def _send(digest: Digest) -> bool:
    search = digest.search
    saved = search.saved
    new = _new_matches(search)
    address = address_of(saved.owner_user) if saved and saved.wants_mail else ""
    count = new.count() if search.status in {Status.COMPLETE, Status.PARTIAL} else 0
    if saved is None or not address or not count:
        _note(digest, state=DigestState.NOT_NEEDED, new_count=count)
        return False
    message = _message(search, saved, address, new=new, count=count)
    release_connections()
    try:
        with mail_server("the digest"):
            message.send()
    except MailFailed:
        _failed(digest, new_count=count)
        return False
    _note(
        digest,
        state=DigestState.SENT,
        new_count=count,
        sent_at=timezone.now(),
        attempts=digest.attempts + 1,
    )
    logger.info("digest sent: %d new", count)
    return True


def _failed(digest: Digest, **known: Any) -> None:
    attempts = digest.attempts + 1
    ending = {"state": DigestState.FAILED, **known} if attempts >= MOST_ATTEMPTS else {}
    _note(digest, attempts=attempts, **ending)


def _note(digest: Digest, **fields: Any) -> None:
    """Write how it went, however long the database is away: a mail that went is not sent again."""
    patiently_here(Digest.objects.filter(pk=digest.pk).update, **fields)


def _new_matches(search: Search) -> Any:
    matches = selectors.results(search, order=Order.RELEVANCE, now=timezone.now())
    return askings.unseen(matches, askings.earlier_runs(search))


def _message(
    search: Search, saved: SavedSearch, address: str, *, new: Any, count: int
) -> EmailMultiAlternatives:
    now = timezone.now()
    query = stored_query(search.query)
    page = public_link("searches:detail", search.pk)
    stop = stop_link(saved)
    missing = [uf for uf, row in search.coverage.items() if row["status"] != "complete"]
    context = {
        "saved": saved,
        "question": wording.question(query, in_full=True),
        "period": wording.period(query),
        "count": wording.counted(count, "licitação nova", "licitações novas"),
        "found": wording.counted(search.total_kept, "encontrada", "encontradas"),
        "notices": [_notice(match, now=now) for match in new[:MOST_NOTICES]],
        "rest": wording.counted(count - MOST_NOTICES, "outra", "outras")
        if count > MOST_NOTICES
        else "",
        "missing": wording.place(missing) if missing else "",
        "page": page,
        "new_page": f"{page}?novas=1",
        "stop": stop,
        "saved_page": public_link("searches:saved"),
    }
    message = EmailMultiAlternatives(
        subject=one_line(f"{context['count']}: {saved.name}"),
        body=render_to_string("emails/digest.txt", context),
        to=[address],
        headers={
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Message-ID": f"<digest.{search.pk}@bidiq>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("emails/digest.html", context), "text/html")
    return message


def _deadline(notice: Notice, left: int | None, *, now: datetime) -> str:
    if notice.is_stopped(now):
        why = notice.unusual_situation.lower()
        return f"{wording.STOPPED} ({why})" if why else wording.STOPPED
    said = wording.deadline(notice.closes_at, left, now=now)
    # With its date: "em 3 dias" is wrong when the mail is read tomorrow.
    return f"{said} ({wording.closing(notice.closes_at, left)})" if notice.closes_at else said


def _notice(match: Match, *, now: datetime) -> dict[str, str]:
    notice = match.notice
    left = days_left(notice.closes_at, now)
    place = f"{notice.municipality}/{notice.uf}" if notice.municipality else notice.uf
    return {
        "object": Truncator(" ".join(notice.object.split())).chars(LONGEST_OBJECT),
        "body": notice.body,
        "place": place,
        "modality": notice.modality_name,
        "value": "valor não informado" if notice.value is None else wording.money(notice.value),
        "deadline": _deadline(notice, left, now=now),
        "url": notice.page_url,
    }
