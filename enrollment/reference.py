"""What the platform ships as data: regions, towns, the first consent text. Loading it again changes nothing."""

import csv
from typing import Any

from django.db import transaction

from core.lib import clock
from enrollment import towns
from enrollment.models import ConsentText, Interest, Region, Town

# Must fit one USSD screen with its keys, in every language (J3); what is agreed to, and how.
CONSENT_KK = "Серіктес ұсыныстары мен сауалнамаға келісесіз бе: SMS, USSD, қоңырау?"
CONSENT_RU = "Предложения партнёров и опросы по SMS, USSD, звонкам: согласны?"
CONSENT_EN = "Do you agree to get partners' offers and surveys by SMS, USSD and calls?"


def interests() -> list[dict[str, str]]:
    """Read the shipped interests."""
    with (towns.DATA / "interests.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@transaction.atomic
def load(**_: Any) -> None:
    """Bring regions, towns and interests up to date with the shipped files; add a first consent text."""
    names = ["name_kk", "name_ru", "name_en"]
    Region.objects.bulk_create(
        [Region(code=r.code, name_kk=r.name_kk, name_ru=r.name_ru, name_en=r.name_en) for r in towns.load_regions()],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=names,
    )
    Town.objects.bulk_create(
        [
            Town(
                code=t.code,
                region_id=t.region,
                name_kk=t.name_kk,
                name_ru=t.name_ru,
                name_en=t.name_en,
                former="|".join(t.former),
            )
            for t in towns.load_towns()
        ],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["region_id", "former", *names],
    )
    Interest.objects.bulk_create(
        [Interest(**row) for row in interests()],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=names,
    )
    if not ConsentText.objects.exists():
        ConsentText.objects.create(
            version=1, text_kk=CONSENT_KK, text_ru=CONSENT_RU, text_en=CONSENT_EN, published_at=clock.now()
        )
