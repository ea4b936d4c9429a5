"""One settings file: every variable documented, every secret demanded, every bad value refused."""

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "smart" / "settings.py"
SECRETS = {
    "SECRET_KEY": "x" * 50,
    "MSISDN_KEYS": "1:" + "0" * 64,
    "MSISDN_INDEX_KEY": "x" * 50,
    "API_MASTER_KEY": "x" * 50,
    "CALLBACK_SECRET": "x" * 50,
}


def variables_read() -> set[str]:
    """The names that settings.py asks the environment for, by env or by a function of its own that uses it."""
    calls = [node for node in ast.walk(ast.parse(SETTINGS.read_text())) if isinstance(node, ast.Call) and node.args]
    asking = [call for call in calls if re.match(r"env\b|secret$|switch$|choice$", ast.unparse(call.func))]
    names = {call.args[0].value for call in asking if isinstance(call.args[0], ast.Constant)}
    return {name for name in names if name.isupper()}


def variables_documented() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {line.split("=")[0] for line in lines if line and not line.startswith("#")}


@pytest.fixture
def load(monkeypatch):
    """Run settings.py on exactly these variables, no .env."""
    monkeypatch.setattr(environ.Env, "read_env", lambda *_args, **_named: None)
    for name in variables_read() | {"SMART_LOCAL"}:
        monkeypatch.delenv(name, raising=False)

    def run(**values: str) -> dict[str, Any]:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return run


def test_every_variable_read_is_documented_and_the_other_way_round():
    assert variables_read() == variables_documented()


def test_every_documented_variable_is_explained():
    blocks = (ROOT / ".env.example").read_text().split("\n\n")

    assert all(block.startswith("#") for block in blocks)


@pytest.mark.parametrize("missing", SECRETS)
def test_production_without_a_secret_does_not_start(load, missing):
    others = {name: value for name, value in SECRETS.items() if name != missing}

    with pytest.raises(ImproperlyConfigured, match=missing):
        load(**others)


def test_production_with_its_secrets_starts_closed(load):
    settings = load(**SECRETS)

    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == []
    assert settings["SECURE_SSL_REDIRECT"]
    assert settings["SESSION_COOKIE_SECURE"]
    assert "smart.local" not in settings["INSTALLED_APPS"]


def test_a_local_start_needs_nothing(load):
    settings = load(SMART_LOCAL="on")

    assert "smart.local" in settings["INSTALLED_APPS"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_POOL_SIZE", "many"),
        ("USSD_SESSION_SECONDS", "3 min"),
        ("SMART_LOCAL", "perhaps"),
        ("SECURE_SSL_REDIRECT", "ja"),
        ("ROAMING_UNKNOWN", "perhaps"),
        ("MSISDN_KEYS", "0" * 64),
        ("MSISDN_KEYS", "1:secret"),
        ("MSISDN_KEYS", "a:" + "0" * 64),
        ("MSISDN_KEYS", "256:" + "0" * 64),
        ("MSISDN_KEYS", f"1:{'0' * 64},1:{'1' * 64}"),
        ("MSISDN_ENCRYPT_WITH", "2"),
        ("DATABASE_URL", "mysql://smart@db.example/smart"),
        ("LOG_LEVEL", "LOUD"),
        ("OPERATOR_BALANCE_URL", "operator.example/balance"),
        ("OPERATOR_BALANCE_URL", "https://operator.example/balance?token=1"),
        ("OPERATOR_BALANCE_URL", "https://operator.example:many/balance"),
        ("IMPORT_MOST_ENDING_PERCENT", "-1"),
        ("IMPORT_MOST_ENDING_PERCENT", "101"),
        ("IMPORT_MOST_ENDING_PERCENT", "nan"),
        ("MESSAGES_KEPT_MONTHS", "-1"),
        ("MESSAGES_KEPT_MONTHS", "2"),
        ("PROPOSAL_DAYS", "0"),
    ],
)
def test_a_bad_value_is_refused(load, name, value):
    with pytest.raises((ImproperlyConfigured, ValueError)):
        load(**SECRETS | {name: value})
