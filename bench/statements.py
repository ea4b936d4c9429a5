"""How many statements each step of a session takes: every round trip to the database, BEGIN and savepoints too."""

import json
import time
from secrets import token_hex
from typing import Any
from unittest import mock

from bench.dialogs import Sign


def of_session(key_id: str, sign: Sign, number: str, survey_id: int, keys: list[str]) -> list[tuple[str, int]]:
    """Walk a session in this process; return what was dialed or pressed, each with its count."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from core.lib import statements

    fetch_one, prepared = statements.fetch_one, []

    def counted(sql: str, parameters: Any) -> Any:
        prepared.append(" ".join(sql.split()))
        return fetch_one(sql, parameters)

    told = []
    for step, key in enumerate([f"*555*6*{survey_id}#", *keys]):
        path = f"/api/ussd/v1/sessions/count-{survey_id}/"
        body = json.dumps({"msisdn": number, "input" if step else "dialed": key, "sequence": step + 1})
        stamp, nonce = str(int(time.time())), token_hex(16)
        headers = {
            "X-Smart-Key": key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": nonce,
            "X-Smart-Signature": sign(path, stamp, nonce, body.encode()),
        }
        prepared.clear()
        with CaptureQueriesContext(connection) as captured, mock.patch.object(statements, "fetch_one", counted):
            reply = Client(SERVER_NAME="127.0.0.1").post(path, body, "application/json", headers=headers)
        if reply.status_code != 200:
            raise SystemExit(f"{key}: {reply.status_code} {reply.content.decode()}")
        told.append((key, len(captured.captured_queries) + len(prepared)))
    return told
