"""JSON as machines should write it: a field takes its own type and no other that could be meant."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json as drf_json

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class StrictJSONParser(JSONParser):
    """JSON; nesting that no request has is malformed, not a crash, and so is a name that stands twice."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raise ParseError for anything but JSON."""
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = stream.read().decode(encoding)
            return json.loads(text, parse_constant=drf_json.strict_constant, object_pairs_hook=names_once)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"JSON parse error - {error}" if isinstance(error, ValueError) else None) from None


def names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; raise ValueError when a name stands twice: two readers may each take another of its values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


class TextField(serializers.CharField):
    """A string; no number, no NUL (DRF refuses that itself)."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PatternField(TextField, serializers.RegexField):
    """A string of a given form, spaces around it included."""

    def __init__(self, regex: str, **options: Any) -> None:
        super().__init__(regex, trim_whitespace=False, **options)


class WholeField(serializers.IntegerField):
    """A whole number, written as one."""

    def to_internal_value(self, data: Any) -> int:
        """Refuse strings, fractions and truth values."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class SwitchField(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Refuse words and numbers."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class InstantField(serializers.DateTimeField):
    """An instant with its offset: without one nobody knows which it is."""

    def to_internal_value(self, value: Any) -> datetime:
        """Refuse dates, naive times and other spellings of ISO 8601."""
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")
        return super().to_internal_value(value)
