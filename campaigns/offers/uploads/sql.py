"""What the ORM says slowly: a file's rows by the hundred."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from campaigns.models import UploadRow


def file_rows(rows: Iterable[UploadRow]) -> None:
    """COPY rows that are not saved yet; needs the transaction under way."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY campaigns_uploadrow (upload_id, number, given, understood, errors, offer_id) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row(
                [row.upload_id, row.number, _json(row.given), _json(row.understood), _json(row.errors), row.offer_id]
            )


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=lambda what: json.dumps(what, ensure_ascii=False))


def note_offers(rows: Sequence[int], offers: Sequence[int]) -> None:
    """Note in each row the offer made of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_uploadrow r SET offer_id = made.offer"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS made(line, offer) WHERE r.id = made.line",
            [list(rows), list(offers)],
        )
