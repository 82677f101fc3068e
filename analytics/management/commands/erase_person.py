"""`manage.py erase_person`: erase what analytics knows of a person, here and at PostHog."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from analytics import delivery, erasure, identity, stored
from analytics.models import Erasure


class Command(BaseCommand):
    """Erase one person."""

    help = (
        "Erases what analytics knows of a person: opts them out, deletes their events here, and"
        " asks PostHog to delete the person and their events. Their account and their work stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who it is about."""
        parser.add_argument(
            "person", help="the primary key of a user, also of one who is deleted; or a user name"
        )

    def handle(self, *args: Any, person: str, **options: Any) -> None:
        """Ends with 0 where the person is erased here; PostHog is asked now, or as soon as it can.

        Raises `CommandError` where it is not clear who is meant. No name is printed.
        """
        key, has_account = who(person)
        with delivery.by_hand():
            request = erasure.erase(key) if has_account else erasure.erase_deleted(key)
            erasure.finish()
        if options["verbosity"] > 0:
            self.stdout.write(
                f"Everything that was recorded of the person is deleted here. {rest(request)}"
            )


def who(person: str) -> tuple[Any, bool]:
    """The primary key that is meant, and whether there is such an account."""
    users, name = get_user_model()._default_manager, get_user_model().USERNAME_FIELD
    try:
        key = identity.primary_key(person)
    except ValidationError:
        key = None
    found = list(users.filter(Q(pk=key) | Q(**{name: person})).values_list("pk", flat=True)[:2])
    if len(found) > 1:
        raise CommandError(
            "This is the primary key of one person and the user name of another:"
            " give the key of the one that you mean."
        )
    if found:
        return found[0], True
    if key is None or not stored.of(key).anything:
        raise CommandError(
            "Nobody has this primary key or user name,"
            " and nothing is stored of a former user who had it."
        )
    return key, False


def rest(request: Erasure) -> str:
    """What becomes of PostHog's copy, in a sentence."""
    now = Erasure.objects.filter(pk=request.pk).first()
    if erasure.outlook() is erasure.Outlook.NO_COPY:
        return "This installation sends nothing to PostHog."
    if erasure.outlook() is erasure.Outlook.BY_HAND:
        return (
            f"PostHog cannot be asked: {erasure.obstacle()} Delete the person {request.distinct_id}"
            " with all events there by hand."
        )
    if now is None or now.repeat:
        return "PostHog has been asked, and is asked again in a day, for what arrives late."
    why = f" ({now.last_error})" if now.last_error else ""
    if now.due_at is None:
        return f"PostHog refuses{why}; put that right, and ask again in the admin, under Erasures."
    return f"PostHog is asked later{why}: by the next delivery that finds it due."
