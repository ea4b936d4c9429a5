"""Where the texts are that people edit (.po), and which of them are not compiled (.mo) as they stand."""

from pathlib import Path

LOCALE = Path(__file__).resolve().parents[2] / "locale"


def stale(locale: Path = LOCALE) -> list[Path]:
    """Each .po whose .mo is missing or older."""
    return [
        po
        for po in sorted(locale.glob("*/LC_MESSAGES/django.po"))
        if not (mo := po.with_suffix(".mo")).exists() or mo.stat().st_mtime_ns < po.stat().st_mtime_ns
    ]
