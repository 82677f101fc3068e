"""Money: integer cents in the database, Decimal for people, one rule of rounding for both.

An entry is worth its seconds at its rate, to the cent, half a cent up; sums are sums of entries.
So a list of entries, its total and every grouping of it agree to the cent.
"""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, ExpressionWrapper, F
from django.db.models.expressions import Combinable
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tracking.models import MOST_CENTS, in_money

HOUR = 3600  # seconds


def worth(seconds: int, rate_cents: int | None) -> int:
    """The cents that so many seconds are worth; nothing without a rate."""
    return (seconds * (rate_cents or 0) + HOUR // 2) // HOUR


def worth_of(seconds: Combinable) -> ExpressionWrapper:
    """`worth` of an entry as the database counts it, null without a rate.

    Both databases divide integers to integers, and none of these is negative.
    """
    cents: Any = (F("rate_cents") * seconds + HOUR // 2) / HOUR
    return ExpressionWrapper(cents, output_field=BigIntegerField())


def in_cents(amount: Decimal) -> int:
    """An amount per hour in cents. Raises `ValidationError` for what is none, or out of bounds."""
    if not amount.is_finite() or amount != amount.quantize(Decimal("0.01")):
        raise ValidationError(_("Write an amount with at most two decimal places."))
    if not 0 <= (cents := int(amount * 100)) <= MOST_CENTS:
        most = number_format(in_money(MOST_CENTS), 2, use_l10n=True, force_grouping=True)
        raise ValidationError(_("Write an amount from 0 to %(most)s.") % {"most": most})
    return cents


def money(amount: Decimal, currency: str) -> str:
    """An amount as people of the active language write it, with its currency's code."""
    number = number_format(amount, 2, use_l10n=True, force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}{currency}"


def money_of(cents: int, currency: str) -> str:
    """Cents as people of the active language write them."""
    return money(in_money(cents), currency)
