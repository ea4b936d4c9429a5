"""Counts as a partner may see them: in hundreds, none under a thousand (core.lib.rounding, ADR 0021)."""

from core.lib.rounding import Rounding

STEP = 100
LEAST = 1_000
_HUNDREDS = Rounding(step=STEP, least=LEAST, salt="campaigns.results.rounding")

shown = _HUNDREDS.shown
parts = _HUNDREDS.parts
lines = _HUNDREDS.lines
