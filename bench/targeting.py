"""What choosing offers gains over any offer (M7), on a made-up population whose taste is known.

    python -m bench.targeting [--taste interests|both|ages] [--members 12000] [--days 8]

The same campaign of four offers goes to equal halves: the best score, learned from day to day; the score without what
is learned; any offer by chance. Printed are the shares that redeemed and their differences with 95 % intervals, for
three tastes: how much more an interest that is told makes one redeem, and an age's fondness that nobody told.
"""

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

from bench.scratch import Scratch

TASTES = {"interests": (0.02, 0.10, 1.0), "both": (0.02, 0.06, 3.0), "ages": (0.02, 0.03, 4.0)}


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=12_000, help="in each arm")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--taste", choices=TASTES, default="both")
    options = parser.parse_args(argv)
    redeems, interested, fond = TASTES[options.taste]
    print(f"taste: {redeems:.0%} redeem, {interested:.0%} if interested, times {fond:g} at the age that is fond of it")
    with Scratch("smart_bench_targeting"):
        _measure(options.members, options.days, redeems, interested, fond)


def _measure(members: int, days: int, redeems: float, interested: float, fond: float) -> None:
    from campaigns.campaign import scoring
    from core.lib import astana, clock
    from smart.local import simulated, trial

    now = astana.start_of(astana.day_of(clock.now())) + timedelta(hours=12)
    taste = simulated.Taste(redeems=redeems, redeems_if_interested=interested, fond=fond)
    trial.populate(members=members)

    def untaught(*, offers: list[int], now: Any) -> list[scoring.Rate]:
        return [scoring.Rate(offer, one, scoring.FIRST_RATE) for offer in offers for one in scoring.SEGMENTS]

    def arm(part: str, exploration: int, rates: Callable[..., Any] = scoring.rates) -> trial.Arm:
        with mock.patch.object(scoring, "rates", rates):
            return trial.run(part=part, exploration=exploration, members=members, days=days, now=now, taste=taste)

    arms = {
        "score, learned": arm(trial.PARTS[0], trial.CHOSEN),
        "score, not learned": arm(trial.PARTS[1], trial.CHOSEN, untaught),
        "by chance": arm(trial.PARTS[2], trial.ANY),
    }
    for name, one in arms.items():
        days_told = " ".join(f"{100 * taken / shown:.1f}" for shown, taken in one.days)
        print(f"  {name:<20} {one.redeemed:>6} of {one.members:>7} = {100 * one.share:5.2f} %   by day: {days_told}")
    best = arms["score, learned"]
    for name in list(arms)[1:]:
        gain, times = trial.gain(best, arms[name]), best.share / arms[name].share
        told = f"{100 * gain.value:+.2f} points (95 %: {100 * gain.low:+.2f} … {100 * gain.high:+.2f})"
        print(f"  gain over {name:<20} {told}, {times:.2f} ×")


if __name__ == "__main__":
    main()
