"""What the platform ships as data: categories of offers. Loading it again changes nothing."""

import csv
from pathlib import Path
from typing import Any

from django.db import transaction

from campaigns.models import Category

DATA = Path(__file__).parent / "data"


@transaction.atomic
def load(**_: Any) -> None:
    """Bring the categories up to date with the shipped file."""
    with (DATA / "categories.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    Category.objects.bulk_create(
        [
            Category(
                code=row["code"],
                name_kk=row["name_kk"],
                name_ru=row["name_ru"],
                name_en=row["name_en"],
                min_age=int(row["min_age"]),
                is_allowed=row["is_allowed"] == "yes",
                interests=[code for code in row["interests"].split("|") if code],
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name_kk", "name_ru", "name_en", "min_age", "is_allowed", "interests"],
    )
