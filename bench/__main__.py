"""Every benchmark, one after the other: `make bench`; or one of them: `make bench ARGS="expire --members 100000"`.

Each prints its figures and the ratio to the raw limit measured in the same run; a machine with nothing else to do
gives the steadier ones.
"""

import subprocess
import sys

BENCHMARKS = {
    "ussd": "key presses over HTTP to a bare server's",
    "surveys": "answers to surveys over HTTP, alone and beside a campaign, to a bare server's",
    "issue_month": "the month's issue to hand-written SQL",
    "expire": "the sweep to hand-written SQL",
    "messages": "claim, gate, hand-over and mark to hand-written claim and mark",
    "smpp": "messages over SMPP to bare smpplib",
    "directory": "the import of an export to COPY and upsert",
    "uploads": "a file of 5,000 offers: rows a second, peak memory over idle",
    "targeting": "what choosing offers gains over chance, on a population whose taste is known",
    "results": "a campaign's results at a million messages to a bare count",
    "audience": "the live count, and a campaign's messages to hand-written SQL",
    "survey_results": "a survey's results at a million answers; its files: time, peak memory over idle",
    "pages": "pages of the back office at a million members to a thousand",
}


def main(arguments: list[str]) -> int:
    """Run the named benchmark with its own options, or all of them; return the exit code."""
    if arguments and arguments[0] not in BENCHMARKS:
        print(__doc__)
        for name, meaning in BENCHMARKS.items():
            print(f"    {name:<12} {meaning}")
        return 2
    failed = 0
    for name in arguments[:1] or BENCHMARKS:
        print(f"== {name}: {BENCHMARKS[name]}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments[1:]], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
