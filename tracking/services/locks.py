"""Locked time: up to a day that an admin chooses, nobody but an admin changes it."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tracking.models import Lock
from tracking.people import Person, administers
from tracking.typed import EARLIEST


def locked_until() -> date | None:
    """The last day of time that is locked; None where nothing is."""
    return Lock.objects.values_list("until", flat=True).order_by("-pk").first()


@transaction.atomic
def lock(user: Person, until: date | None) -> Lock:
    """Lock time up to a day, with it, or open all again. For admins; the caller asks for that.

    A timer that runs may still be stopped or thrown away: it is no time yet. Raises
    `ValidationError` for the field `until`.
    """
    if until is not None and not EARLIEST <= until <= timezone.localdate() + timedelta(days=1):
        raise ValidationError({"until": _("Choose a day from the year 2000 to today.")})
    return Lock.objects.create(until=until, user_id=user.pk)


def refuse_locked(user: Person, *days: date) -> None:
    """Refuse to change what lies on locked days, for everybody but an admin.

    Raises `ValidationError` without a field.
    """
    if administers(user):
        return
    until = locked_until()
    if until is not None and any(day <= until for day in days):
        raise ValidationError(
            _("Time up to %(day)s is locked. Ask an admin if it has to change.")
            % {"day": date_format(until)},
            "locked",
        )


def changeable_days(user: Person) -> Q:
    """Entries whose days a person may change."""
    until = None if administers(user) else locked_until()
    return Q() if until is None else Q(day__gt=until)
