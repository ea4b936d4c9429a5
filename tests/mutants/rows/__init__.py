"""The rows, by the room whose rule they break."""

from tests.mutants.mutant import Mutant
from tests.mutants.rows import bonuses, campaigns, core, enrollment, messaging, smart, surveys

ROWS: list[Mutant] = [
    *enrollment.ROWS, *bonuses.ROWS, *messaging.ROWS, *campaigns.ROWS, *surveys.ROWS, *smart.ROWS, *core.ROWS,
]  # fmt: skip
