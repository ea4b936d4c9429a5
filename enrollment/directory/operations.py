"""The steps of an import: stage, preview, apply. Each may be killed and called again."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.jobs import operations as jobs
from core.lib.astana import day_of
from core.lib.errors import Refusal
from core.lib.safe_csv import escape
from enrollment.directory import parsing, sql
from enrollment.directory.parsing import Finding, LineParser
from enrollment.models import DirectoryImport, Town

Progress = Callable[[str, int, int], None]
_LINES_A_BLOCK = 2_000
_SAVE_EVERY = 20_000
MOST_VANISHING = 0.05  # of the live lines
# So many may end, or be gone, in the smallest base without being asked for: a share of ten people is none.
_ALWAYS_USUAL = 1
REASONS = ("vanished", "terminated", "brand", "owner")
_DRY_RUN = "dry run"  # in place of a refusal


class TooManyVanish(Refusal):
    """More than 5 % of the lines would be gone: a cut file is likelier than a lost base."""

    code = "too_many_vanish"
    sentence = _(
        "%(vanishing)s of %(live)s lines are missing from this export. If it is whole, allow that and repeat;"
        " if it is a part, import it as one."
    )


class TooManyEnd(Refusal):
    """More memberships would end than usually do: a mistake in the file is likelier, and an end is for good (J7)."""

    code = "too_many_end"
    sentence = _(
        "%(ending)s of %(members)s memberships would end: %(vanished)s because the line is missing, %(terminated)s"
        " because it is terminated, %(brand)s because it is of another brand, %(owner)s because it has a new owner."
        " More than %(percent)s %% at once must be allowed by somebody, by this number and by name."
    )


class StagingLost(Exception):
    """The staged lines are gone (the database crashed): the file must be read again. Nothing was changed by it."""


def silent(phase: str, done: int, total: int) -> None:
    """Report progress to nobody."""


def stage(*, run: DirectoryImport, now: datetime, progress: Progress = silent) -> DirectoryImport:
    """Read the file into staging, write the report, count what applying would do.

    Raises UnusableFile. Called again it starts over; nothing but staging is touched.
    """
    path = Path(run.path)
    shape = parsing.examine(path)
    counts: dict[str, int] = {"rejected": 0, "warnings": 0, "duplicates": 0, "superseded": 0}
    run.digest, run.lines, run.lines_done = shape.digest, shape.lines, 0
    report = _report_path(run)
    with report.open("w", encoding="utf-8-sig", newline="") as file:
        write = _reporter(file, counts)
        sql.create_staging(run.pk)
        towns = dict(Town.objects.values_list("code", "pk"))  # before COPY takes the connection
        parser = LineParser(shape, day_of(now), towns, write)
        sql.copy_lines(run.pk, _blocks(run, parser.lines(path), progress))
        for line, by_line, is_same in sql.drop_superseded(run.pk):
            counts["duplicates" if is_same else "superseded"] += 1
            reason = "the same line stands again" if is_same else "another line of this number follows"
            write(Finding(line, "MSISDN", "", f"{reason} (line {by_line})", is_rejected=False), is_counted=False)
    sql.index_staging(run.pk)
    counts["unreadable"] = parser.unreadable
    run.counts = {**counts, "staged": sql.count_staged(run.pk), **preview(run)}
    run.lines_done, run.report, run.phase = run.lines, str(report), DirectoryImport.Phase.STAGED
    run.save()
    return run


def is_staged(run: DirectoryImport) -> bool:
    """True when every line that was staged still is: a crash of the database empties the table."""
    staged = run.counts.get("staged")
    return staged is not None and sql.count_staged(run.pk) == staged


def preview(run: DirectoryImport) -> dict[str, int]:
    """Count what applying the staged lines would do."""
    vanishing, live = sql.count_vanishing(run.pk) if run.is_full else (0, 0)
    return {**sql.preview(run.pk), "vanishing": vanishing, "live": live, **_ending(run)}


def _ending(run: DirectoryImport) -> dict[str, int]:
    members, *by_reason = sql.count_ending(run.pk, is_full=run.is_full)
    reasons = {f"ending_{reason}": count for reason, count in zip(REASONS, by_reason, strict=True)}
    return {"members": members, "memberships_ending": sum(by_reason), **reasons}


def check_losses(run: DirectoryImport) -> None:
    """Raise TooManyEnd or TooManyVanish when more would be lost than usual, unless somebody has allowed so many."""
    ending = run.counts.get("memberships_ending", 0)
    if run.allowed_ending is not None and ending <= run.allowed_ending:
        return
    members = run.counts.get("members", 0)
    if ending > max(members * settings.IMPORT_MOST_ENDING_PERCENT / 100, _ALWAYS_USUAL):
        reasons = {reason: run.counts.get(f"ending_{reason}", 0) for reason in REASONS}
        percent = f"{settings.IMPORT_MOST_ENDING_PERCENT:g}"
        raise TooManyEnd(ending=ending, members=members, percent=percent, **reasons)
    vanishing, live = run.counts.get("vanishing", 0), run.counts.get("live", 0)
    if run.is_full and vanishing > max(live * MOST_VANISHING, _ALWAYS_USUAL):
        raise TooManyVanish(vanishing=vanishing, live=live)


def apply(*, run: DirectoryImport, now: datetime, progress: Progress = silent) -> DirectoryImport:
    """Apply the staged lines, a range of numbers a transaction; called again it goes on from the last.

    Raises TooManyEnd or TooManyVanish before anything is changed.
    """
    check_losses(run)
    _require_staged(run)
    while run.watermark < sql.CHUNKS:
        with transaction.atomic():
            jobs.commit_lazily()
            sql.apply_chunk(run.pk, run.watermark, now)
            run.watermark += 1
            run.phase = DirectoryImport.Phase.APPLYING
            run.lines_done = run.lines * run.watermark // sql.CHUNKS
            run.save(update_fields=["watermark", "phase", "lines_done"])
        progress("applying", run.watermark, sql.CHUNKS)
    if run.is_full:
        with transaction.atomic():
            _require_staged(run)
            sql.mark_gone(run.pk, now)
    return run


def _require_staged(run: DirectoryImport) -> None:
    """Lines that are staged no more must not pass for lines that are gone."""
    if not is_staged(run):
        raise StagingLost


def finish(*, run: DirectoryImport, ended: int, now: datetime) -> DirectoryImport:
    """Close the import and drop its staging; `ended` memberships ended with it."""
    run.counts = {**run.counts, "memberships_ended": ended}
    run.phase, run.finished_at = DirectoryImport.Phase.DONE, now
    run.save(update_fields=["counts", "phase", "finished_at"])
    sql.drop_staging(run.pk)
    return run


def refuse(*, run: DirectoryImport, why: str) -> DirectoryImport:
    """Close the import without having changed anything."""
    run.phase, run.refusal = DirectoryImport.Phase.REFUSED, why[:600]
    run.save(update_fields=["phase", "refusal"])
    sql.drop_staging(run.pk)
    return run


def end_dry_run(*, run: DirectoryImport) -> DirectoryImport:
    """Close an import that was only to tell what it would change."""
    return refuse(run=run, why=_DRY_RUN)


def is_dry_run(run: DirectoryImport) -> bool:
    """Whether it was only to tell what it would change, and has."""
    return run.refusal == _DRY_RUN


def phase_in_words(run: DirectoryImport) -> str:
    """How far it is; a dry run was not refused."""
    return str(_("dry run")) if is_dry_run(run) else str(run.get_phase_display())


def unneeded_staging() -> set[int]:
    """The ids of imports that are closed or unknown and have a staging table yet: killed just before dropping it."""
    open_ones = DirectoryImport.objects.exclude(phase__in=[DirectoryImport.Phase.DONE, DirectoryImport.Phase.REFUSED])
    return sql.staged_imports() - set(open_ones.values_list("pk", flat=True))


def drop_unneeded_staging() -> int:
    """Drop the staging tables of closed and unknown imports; return how many there were."""
    unneeded = unneeded_staging()
    for import_id in unneeded:
        sql.drop_staging(import_id)
    return len(unneeded)


def _report_path(run: DirectoryImport) -> Path:
    folder = Path(settings.MEDIA_ROOT) / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"report-{run.pk}.csv"


def _reporter(file: TextIO, counts: dict[str, int]) -> Callable[..., None]:
    writer = csv.writer(file)
    writer.writerow(["line", "field", "value", "reason", "outcome"])

    def write(finding: Finding, *, is_counted: bool = True) -> None:
        outcome = "line rejected" if finding.is_rejected else "field left as it was"
        if is_counted:
            counts["rejected" if finding.is_rejected else "warnings"] += 1
        else:
            outcome = "line left out"
        writer.writerow([finding.line, finding.field, escape(finding.value), finding.reason, outcome])

    return write


def _blocks(run: DirectoryImport, lines: Iterator[tuple[int, str]], progress: Progress) -> Iterator[str]:
    block: list[str] = []
    for number, line in lines:
        block.append(line)
        if len(block) >= _LINES_A_BLOCK:
            yield "".join(block)
            block.clear()
            if number % _SAVE_EVERY < _LINES_A_BLOCK:
                progress("reading", number, run.lines)
    yield "".join(block)
