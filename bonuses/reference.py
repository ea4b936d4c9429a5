"""The terms the programme starts with, and what units pay for. Shipped once; changed by new versions in the admin."""

from datetime import date
from typing import Any

from django.db import transaction

from bonuses.models import BonusTerms, Kind, PayableService

FIRST_MONTH = date(2020, 1, 1)
TERMS = {
    Kind.MONTHLY: {"units": 500, "valid_hours": 168, "activate_within_days": 30},  # B1, B5, B6
    Kind.SURVEY: {"units": 50, "valid_hours": 168, "activate_within_days": 30},  # B11
}
PAYABLE = [  # B9
    (PayableService.Service.CALL, PayableService.Destination.ON_NET),
    (PayableService.Service.SMS, PayableService.Destination.ON_NET),
    (PayableService.Service.DATA, PayableService.Destination.INTERNET),
]


@transaction.atomic
def load(**_: Any) -> None:
    """Create the first terms of each kind that has none."""
    for kind, figures in TERMS.items():
        if BonusTerms.objects.filter(kind=kind).exists():
            continue
        terms = BonusTerms.objects.create(kind=kind, effective_from=FIRST_MONTH, **figures)
        PayableService.objects.bulk_create(
            [PayableService(terms=terms, service=service, destination=destination) for service, destination in PAYABLE]
        )
