from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import translation

from campaigns.models import Partner, PartnerClient
from campaigns.partners import accounts
from core.access import keys
from core.access.models import ApiClient, ApiKey
from core.lib import clock
from core.lib.errors import Refusal


class Command(BaseCommand):
    """Does what an owner does in the portal under API keys, for a first try and for scripts."""

    help = "Let a partner's program in, the partner made if there is none of this short name; tells its secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose program, what it may do, how it proves who it is."""
        parser.add_argument("partner", help="the partner's short name: letters, digits, dashes")
        parser.add_argument("program", help="what the partner calls the program")
        parser.add_argument("--scope", action="append", choices=PartnerClient.Scope.values, help="may be repeated")
        parser.add_argument("--replace", action="store_true", help="where two keys are live, revoke the older one")
        parser.add_argument("--proof", choices=ApiClient.Proof.values, default=ApiClient.Proof.KEY)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print two lines a shell can evaluate."""
        with translation.override("en"):  # as the rest of the command line
            try:
                key_id, secret = self._connect(options)
            except Refusal as refusal:
                raise CommandError(str(refusal)) from None
        self.stdout.write(f"export SMART_KEY={key_id}\nexport SMART_SECRET={secret}")

    @transaction.atomic
    def _connect(self, options: dict[str, Any]) -> tuple[str, str]:
        now, slug, program = clock.now(), options["partner"], options["program"]
        partner = Partner.objects.filter(slug=slug).first()
        partner = partner or accounts.create(name=slug, slug=slug, by="command", now=now)
        for known in PartnerClient.objects.select_related("client", "partner").filter(partner=partner):
            if accounts.client_name(known) == program:
                return self._another_key(known, options, now)
        _made, key_id, secret = accounts.connect(
            partner=partner,
            name=program,
            scopes=options["scope"] or PartnerClient.Scope.values,
            proof=options["proof"],
            by="command",
            now=now,
        )
        return key_id, secret

    def _another_key(self, known: PartnerClient, options: dict[str, Any], now: datetime) -> tuple[str, str]:
        """A further key of a program that is there, which stays as it is."""
        if known.client.proof != options["proof"] or set(options["scope"] or known.scopes) != set(known.scopes):
            raise CommandError("There is a program of this name already: change it in the back office.")
        live = ApiKey.objects.filter(client=known.client, revoked_at=None).order_by("created_at", "pk")
        if options["replace"] and len(live) > 1:
            keys.revoke(key=live[0], by="command", now=now)
        key, secret = keys.issue(client=known.client, by="command", now=now)
        return key.key_id, secret
