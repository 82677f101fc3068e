"""Mark an account's e-mail address as verified, where no mail can do it."""

from argparse import ArgumentParser
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User


class Command(BaseCommand):
    """For the operator, who knows whose address it is."""

    help = (
        "Mark an account's e-mail address as verified, so that the person with that address at the"
        " sign-in provider is let in to the account."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the account."""
        parser.add_argument("name", metavar="NAME", help="the account's user name")

    @transaction.atomic
    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Verify the address that stands on the account."""
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no account with the user name “{name}”.")
        if not user.email:
            raise CommandError(f"The account “{name}” has no e-mail address.")
        address = EmailAddress.objects.filter(user=user, email__iexact=user.email).first()
        address = address or EmailAddress(user=user, email=user.email.lower())
        if not address.set_verified(commit=False):
            raise CommandError(f"{address.email} is verified for another account already.")
        address.save()
        address.set_as_primary(conditional=True)
        self.stdout.write(f"{address.email} is verified for “{name}”.")
