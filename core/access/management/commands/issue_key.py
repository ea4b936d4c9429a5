from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import translation

from core.access import keys
from core.access.models import ApiClient, ApiKey
from core.lib import clock
from core.lib.errors import Refusal


class Command(BaseCommand):
    """Does what the back office does under API clients, for a first try and for scripts."""

    help = "Issue a key to an API client, made if there is none of this name; tells the secret, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who calls, as what, from where."""
        parser.add_argument("name", help="the client's name: letters, digits, dashes")
        parser.add_argument("--kind", choices=ApiClient.Kind.values, default=ApiClient.Kind.USSD)
        parser.add_argument("--proof", choices=ApiClient.Proof.values, default=ApiClient.Proof.SIGNATURE)
        parser.add_argument("--replace", action="store_true", help="where two keys are live, revoke the older one")
        parser.add_argument("--network", action="append", default=[], help="where it may call from; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print two lines a shell can evaluate."""
        try:
            with translation.override("en"):  # as the rest of the command line
                key, secret = self._issue(options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"export SMART_KEY={key.key_id}\nexport SMART_SECRET={secret}")

    @transaction.atomic
    def _issue(self, options: dict[str, Any]) -> tuple[Any, str]:
        wanted = {"kind": options["kind"], "proof": options["proof"]}
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            client = ApiClient(name=options["name"], networks=options["network"], **wanted)
            client.full_clean()
            client.save()
        elif any(getattr(client, field) != value for field, value in wanted.items()) or (
            options["network"] and options["network"] != client.networks
        ):
            raise CommandError("There is a client of this name already: change it in the back office.")
        live = ApiKey.objects.filter(client=client, revoked_at=None).order_by("created_at", "pk")
        if options["replace"] and len(live) > 1:
            keys.revoke(key=live[0], by="command", now=clock.now())
        return keys.issue(client=client, by="command", now=clock.now())
