"""The operator's export: as messy as real ones, imported without surprises (J7, J8, B8)."""

import csv
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bonuses.models import Grant
from core.access.models import AuditEvent
from core.lib.msisdn import Msisdn
from enrollment import consent, joining
from enrollment.directory import operations
from enrollment.directory.operations import StagingLost, TooManyEnd, TooManyVanish
from enrollment.directory.parsing import UnusableFile
from enrollment.directory.sql import staging_table
from enrollment.models import ConsentEvent, DirectoryImport, Membership, Subscriber
from smart import programme
from smart.directory import imports
from tests.races import race

pytestmark = pytest.mark.django_db
HEADER = "MSISDN;Brand;Line status;Tariff;Language;Town;Birth date;Gender;Line activated on"
Import = Callable[..., DirectoryImport]


@pytest.fixture(autouse=True)
def _media(tmp_path: Path, settings: object) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def imported(tmp_path: Path, now: datetime) -> Import:
    """Import lines below the usual header; keywords: header, encoding, is_full, is_allowed, is_dry."""

    def run(*lines: str, header: str = HEADER, encoding: str = "utf-8-sig", **options: bool) -> DirectoryImport:
        path = tmp_path / "export.csv"
        path.write_bytes("\r\n".join((header, *lines, "")).encode(encoding))
        started = imports.begin(
            path=path,
            file_name="export.csv",
            is_full=options.get("is_full", True),
            by="test",
            now=now,
        )
        if options.get("is_allowed", True):
            imports.allow_ending(run=started, ending=10_000, by="test", now=now)
        if options.get("is_dry"):
            return imports.preview(run=started, now=now)
        return imports.carry_out(run=started, by="test", now=now)

    return run


def line(number: str = "77010000001", brand: str = "activ", status: str = "active", **fields: str) -> str:
    usual = {"tariff": "ACT-START", "language": "kk", "town": "Алматы", "born": "27.10.1964", "gender": "F"}
    values = {**usual, "since": "2023-10-02", **fields}
    return ";".join((number, brand, status, *(values[name] for name in (*usual, "since"))))


def the(number: str = "77010000001") -> Subscriber:
    return Subscriber.objects.holding(Msisdn(number)).get()


def report_of(run: DirectoryImport) -> list[dict[str, str]]:
    with open(run.report, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_becomes_a_subscription_with_its_number_encrypted(imported: Import) -> None:
    imported(line())

    subscriber = the()
    assert (subscriber.brand, subscriber.line_status, subscriber.language) == ("activ", "active", "kk")
    assert (subscriber.town.code, subscriber.gender, subscriber.birth_date) == ("almaty", "f", date(1964, 10, 27))
    assert b"77010000001" not in bytes(subscriber.msisdn)
    assert subscriber.masked_msisdn == "7 701 *** ** 01"


@pytest.mark.parametrize(
    "spelled",
    ["77010000001", "+77010000001", "+7 (701) 000-00-01", " 8 701 000 0001 ", "87010000001", "7010000001"],
)
def test_it_reads_numbers_in_every_usual_spelling(imported: Import, spelled: str) -> None:
    imported(line(spelled))

    assert the().brand == "activ"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(HEADER, "utf-8-sig"), (HEADER, "utf-8"), (HEADER, "cp1251"), (HEADER.upper(), "utf-8")],
    ids=["bom", "utf-8", "cp1251", "capitals"],
)
def test_it_reads_encodings(imported: Import, text: str, encoding: str) -> None:
    imported(line(town="г. Усть–Каменогорск", gender="ж"), header=text, encoding=encoding)

    assert (the().town.code, the().gender) == ("ust-kamenogorsk", "f")


def test_it_reads_commas_and_quotes(imported: Import) -> None:
    imported('77010000001,activ,active,ACT-START,kk,"Алматы",27.10.1964,F,2023-10-02', header=HEADER.replace(";", ","))

    assert the().town.code == "almaty"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (line("7,7010E+10"), "MSISDN"),
        (line("77O10000001"), "MSISDN"),
        (line("#REF!"), "MSISDN"),
        (line(""), "MSISDN"),
        (line("701000000"), "MSISDN"),
        (line("77272583300"), "MSISDN"),
        (line("+79161234567"), "MSISDN"),
        (line(brand="Beeline"), "brand"),
        (line(status="?"), "line status"),
        ("77010000001;activ", "line"),
        (line() + ";more", "line"),
        (line(tariff="A\x00B"), "line"),
        ('"77010000001;activ;active', "line"),
    ],
    ids=["spreadsheet", "letter", "ref", "empty", "short", "landline", "foreign", "brand", "status",
         "few", "many", "nul", "quote"],
)  # fmt: skip
def test_a_rejected_line_names_field_and_reason_and_stops_no_other(imported: Import, bad: str, field: str) -> None:
    run = imported(bad, line("77010000002"))

    (entry,) = [row for row in report_of(run) if row["outcome"] == "line rejected"]
    assert (entry["line"], entry["field"], bool(entry["reason"])) == ("2", field, True)
    assert run.counts["rejected"] == 1
    assert the("77010000002").brand == "activ"


@pytest.mark.parametrize(
    ("field", "value"),
    [("born", "31.02.1990"), ("born", "2090-01-01"), ("born", "1850-01-01"), ("town", "Moscow"), ("gender", "x")],
)
def test_an_unreadable_field_is_left_as_it_was(imported: Import, field: str, value: str) -> None:
    imported(line())
    run = imported(line(**{field: value}))

    assert run.counts["warnings"] == 1
    assert run.counts["unchanged"] == 1
    assert (the().town.code, the().gender, the().birth_date) == ("almaty", "f", date(1964, 10, 27))


@pytest.mark.parametrize("spelled", ["7771234567.0", "77012345670.0", "7771234567 0", "777123456.70", "7,771234567E+9"])
def test_a_number_that_a_spreadsheet_spoiled_is_told_and_never_read_as_another_persons(
    imported: Import, spelled: str
) -> None:
    """Without its point 7771234567.0 is 7 771 234 56 70."""
    run = imported(line(spelled), line("77010000002"))

    assert [subscriber.masked_msisdn for subscriber in Subscriber.objects.all()] == ["7 701 *** ** 02"]
    (told,) = report_of(run)
    assert (told["line"], told["field"], told["outcome"]) == ("2", "MSISDN", "line rejected")
    assert run.counts["unreadable"] == 1


def test_the_report_says_that_a_number_became_a_decimal(imported: Import) -> None:
    run = imported(line("7771234567.0"), line("77010000002"))

    assert report_of(run)[0]["reason"] == "a spreadsheet has turned the number into a decimal"


def test_the_brand_decides_and_never_the_prefix(imported: Import) -> None:
    imported(line("77770000001"), line("77010000002", brand="Kcell"))

    assert the("77770000001").brand == "activ"
    assert the("77010000002").brand == "kcell"


def test_the_last_line_of_a_number_counts(imported: Import) -> None:
    run = imported(line(tariff="A"), line(tariff="B"), line("77010000002"), line("77010000002"))

    assert the().tariff == "B"
    assert (run.counts["superseded"], run.counts["duplicates"]) == (1, 1)


def test_the_same_file_twice_changes_nothing(imported: Import) -> None:
    imported(line(), line("77010000002"))
    before = list(Subscriber.objects.order_by("pk").values())

    run = imported(line(), line("77010000002"))

    assert list(Subscriber.objects.order_by("pk").values()) == before
    assert (run.counts["new"], run.counts["changed"], run.counts["unchanged"]) == (0, 0, 2)


def test_a_dry_run_tells_and_changes_nothing(imported: Import) -> None:
    imported(line(), line("77010000002"), line("77010000003"))

    run = imported(line(tariff="B"), line("77010000002"), line("77010000004"), is_dry=True)

    assert run.counts | {"new": 1, "changed": 1, "changed_tariff": 1, "unchanged": 1, "vanishing": 1} == run.counts
    assert the().tariff == "ACT-START"
    assert Subscriber.objects.count() == 3


@pytest.fixture
def member(imported: Import, now: datetime) -> Subscriber:
    imported(line(), line("77010000002"))
    subscriber = the()
    shown = consent.ShownConsent(consent.current_consent_text(), "kk")
    programme.enroll(subscriber=subscriber, shown=shown, session="s", key="1", by="test", now=now - timedelta(hours=1))
    return subscriber


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([line("77010000002")], "gone"),
        ([line(status="terminated")], "terminated"),
        ([line(brand="Kcell")], "brand"),
        ([line(since="2026-11-01")], "recycled"),
    ],
    ids=["vanished", "terminated", "brand", "recycled"],
)
def test_a_number_that_changes_hands_ends_the_membership(
    imported: Import, member: Subscriber, lines: list[str], reason: str
) -> None:
    run = imported(*lines)

    membership = Membership.objects.get()
    assert (membership.left_reason, membership.consents) == (reason, 0)
    assert Grant.objects.get().state == "forfeited"
    assert run.counts["memberships_ending"] == run.counts["memberships_ended"] == 1


def test_a_lost_line_withdraws_the_consents_that_were_held(imported: Import, member: Subscriber) -> None:
    """J7."""
    Membership.objects.update(consents=1 + 16)  # offers by SMS, surveys by USSD

    imported(line(since="2026-11-01"))

    withdrawn = ConsentEvent.objects.filter(action="withdrawn").values_list("purpose", "channel")
    assert sorted(withdrawn) == [("offers", "sms"), ("surveys", "ussd")]


def test_a_recycled_number_is_another_subscription(imported: Import, member: Subscriber) -> None:
    imported(line(since="2026-11-01"))

    assert the().pk != member.pk
    assert Subscriber.objects.get(pk=member.pk).ended_at is not None


@pytest.mark.parametrize(
    "changed",
    [line(tariff="ACT-NET-5"), line(status="suspended"), line(since="2020-01-01"), line(since="")],
    ids=["tariff", "suspended", "corrected date", "no date"],
)
def test_what_is_no_change_of_owner_touches_no_membership(imported: Import, member: Subscriber, changed: str) -> None:
    imported(changed, line("77010000002"))

    assert Membership.objects.get().left_at is None
    assert the().pk == member.pk
    assert Grant.objects.get().state == "waiting"


def test_a_rejected_line_has_not_vanished(imported: Import, member: Subscriber) -> None:
    imported(line(brand="?"), line("77010000002"))

    assert Membership.objects.get().left_at is None


@pytest.mark.parametrize(
    "broken",
    ["77010000001;activ", line()[:30], line() + ";more", line(tariff="A\x00B"), '"' + line(), f"x;{line()}",
     '77010000001;activ;active;"ACT\nSTART";kk;Алматы;27.10.1964;F;2023-10-02'],
    ids=["cut", "cut in a field", "too long", "nul", "quote", "shifted", "two lines"],
)  # fmt: skip
def test_a_line_that_is_broken_has_not_vanished(imported: Import, member: Subscriber, broken: str) -> None:
    """J7: whose number can be read in it is still there. When unsure, nobody's membership ends."""
    run = imported(broken, line("77010000002"))

    assert run.counts["rejected"] > 0
    assert (the().line_status, the().tariff) == (member.line_status, member.tariff)
    assert Membership.objects.get().left_at is None


def test_a_broken_line_supersedes_no_good_one(imported: Import) -> None:
    run = imported(line(tariff="B"), "77010000001;activ", line("77010000002"))

    assert the().tariff == "B"
    assert (run.counts["rejected"], run.counts["superseded"], run.counts["duplicates"]) == (1, 0, 0)


def test_a_broken_byte_spoils_its_own_field_only(tmp_path: Path, now: datetime) -> None:
    """Not the whole file, which would read as cp1251 then."""
    path = tmp_path / "export.csv"
    spoiled = line(town="Алматы").encode().replace("маты".encode(), b"\xff\xfe", 1)
    good = [line(f"770100000{n:02}", town="Көкшетау").encode() for n in range(10, 20)]
    path.write_bytes(b"\r\n".join([HEADER.encode(), spoiled, *good, b""]))
    started = imports.begin(path=path, file_name="e.csv", is_full=True, by="test", now=now)

    run = imports.carry_out(run=started, by="test", now=now)

    assert {one.town.code for one in Subscriber.objects.exclude(pk=the().pk)} == {"kokshetau"}
    assert the().town is None
    assert [(row["line"], row["field"], row["reason"]) for row in report_of(run)] == [
        ("2", "town", "letters of this town cannot be read")
    ]


def test_utf_16_is_told(imported: Import) -> None:
    with pytest.raises(UnusableFile, match="UTF-16"):
        imported(line(), encoding="utf-16")


def test_a_partial_export_ends_nothing(imported: Import, member: Subscriber) -> None:
    imported(line("77010000003"), is_full=False)

    assert Membership.objects.get().left_at is None


def test_a_chosen_language_stays(imported: Import, member: Subscriber, now: datetime) -> None:
    joining.choose_language(subscriber=member, language="en", now=now)
    imported(line(language="ru"), line("77010000002"))

    assert the().language == "en"


def test_a_cut_file_is_refused_before_anything_changes(imported: Import) -> None:
    imported(*(line(f"770100000{n:02}") for n in range(10, 50)))

    with pytest.raises(TooManyVanish):
        imported(*(line(f"770100000{n:02}", tariff="B") for n in range(10, 40)), is_allowed=False)

    assert not Subscriber.objects.filter(tariff="B").exists()
    assert not Subscriber.objects.filter(line_status="gone").exists()


@pytest.fixture
def members(imported: Import, now: datetime) -> list[str]:
    """Fifty members, and ten who are none."""
    numbers = [f"77010001{n:03}" for n in range(60)]
    imported(*(line(number) for number in numbers))
    shown = consent.ShownConsent(consent.current_consent_text(), "kk")
    for number in numbers[:50]:
        programme.enroll(subscriber=the(number), shown=shown, session="s", key="1", by="test", now=now)
    return numbers


LOSSES = {
    "vanished": lambda number: None,
    "terminated": lambda number: line(number, status="terminated"),
    "brand": lambda number: line(number, brand="Kcell"),
    "owner": lambda number: line(number, since="2026-11-01"),
}


def lost(numbers: list[str], count: int, *reasons: str) -> list[str]:
    """A full export in which so many members are lost, for each of the reasons in turn."""
    losses = [LOSSES[reasons[n % len(reasons)]](number) for n, number in enumerate(numbers[:count])]
    return [text for text in losses if text is not None] + [line(number) for number in numbers[count:]]


@pytest.mark.parametrize("reasons", [*((reason,) for reason in LOSSES), tuple(LOSSES)], ids="-".join)
def test_an_export_that_would_end_too_many_memberships_for_whatever_reason_changes_nothing(
    imported: Import, members: list[str], reasons: tuple[str, ...]
) -> None:
    before = list(Subscriber.objects.order_by("pk").values())

    with pytest.raises(TooManyEnd) as caught:
        imported(*lost(members, 4, *reasons), is_allowed=False)

    assert caught.value.details == {"ending": 4, "members": 50, "percent": "2"} | {
        reason: 4 // len(reasons) if reason in reasons else 0 for reason in LOSSES
    }
    assert Membership.objects.filter(left_at=None).count() == 50
    assert list(Subscriber.objects.order_by("pk").values()) == before


def test_a_partial_export_is_held_to_the_same_share(imported: Import, members: list[str]) -> None:
    terminated = [line(number, status="terminated") for number in members[:2]]

    with pytest.raises(TooManyEnd) as caught:
        imported(*terminated, is_full=False, is_allowed=False)

    assert (caught.value.details["ending"], caught.value.details["members"]) == (2, 50)


@pytest.mark.parametrize(("percent", "passes"), [(2, False), (3.9, False), (4, True), (0, False)])
def test_the_share_is_a_setting(
    imported: Import, members: list[str], settings: object, percent: float, passes: bool
) -> None:
    settings.IMPORT_MOST_ENDING_PERCENT = percent
    lines = lost(members, 2, "terminated")

    if passes:
        assert imported(*lines, is_allowed=False).counts["memberships_ended"] == 2
    else:
        with pytest.raises(TooManyEnd):
            imported(*lines, is_allowed=False)


def test_a_single_membership_ends_in_the_smallest_base(imported: Import, member: Subscriber) -> None:
    run = imported(line(status="terminated"), line("77010000002"), is_allowed=False)

    assert run.counts["memberships_ended"] == 1


@pytest.mark.parametrize("allowed", [2, 3])
def test_what_somebody_allowed_ends_and_no_more(
    imported: Import, members: list[str], now: datetime, allowed: int
) -> None:
    path = Path(DirectoryImport.objects.get().path)
    path.write_text("\n".join((HEADER, *lost(members, 3, "terminated"))))
    command = ["import_subscribers", str(path), "--allow-ending", str(allowed), "--by", "Aigul"]

    if allowed < 3:
        with pytest.raises(CommandError, match="3 of 50 memberships would end: 0 because the line is missing, 3 "):
            call_command(*command, stdout=StringIO())
    else:
        call_command(*command, stdout=StringIO())

    assert Membership.objects.exclude(left_at=None).count() == (3 if allowed == 3 else 0)
    event = AuditEvent.objects.get(action="allow_ending", by="command:Aigul")
    assert event.details == {"allowed": allowed, "memberships_ending": 3, "members": 50, "vanishing": 0}
    run = DirectoryImport.objects.latest("pk")
    assert event.subject == f"import:{run.pk}"
    assert (run.allowed_ending, run.allowed_by) == (allowed, "command:Aigul")


@pytest.mark.parametrize(
    "flags", [["--allow-ending", "3"], ["--by", "Aigul"], ["--allow-ending", "3", "--by", " "],
              ["--allow-ending", "-1", "--by", "Aigul"]], ids=["nobody", "nothing", "a-blank-name", "negative"],
)  # fmt: skip
def test_an_allowance_has_a_number_and_a_name(imported: Import, flags: list[str]) -> None:
    path = DirectoryImport.objects.get(pk=imported(line()).pk).path

    with pytest.raises(CommandError, match="belong together"):
        call_command("import_subscribers", path, *flags, stdout=StringIO())

    assert DirectoryImport.objects.count() == 1


def test_lines_that_are_no_members_are_let_go_by_the_same_allowance(imported: Import) -> None:
    imported(*(line(f"770100000{n:02}") for n in range(10, 50)))
    path = Path(DirectoryImport.objects.get().path)
    path.write_text(f"{HEADER}\n{line('77010000010')}\n")

    call_command("import_subscribers", str(path), "--allow-ending", "0", "--by", "Aigul", stdout=StringIO())

    assert Subscriber.objects.filter(line_status="gone").count() == 39


def test_a_file_without_the_columns_is_refused(imported: Import) -> None:
    with pytest.raises(UnusableFile, match="columns are missing: brand"):
        imported("77010000001;active", header="MSISDN;Line status")


def test_no_number_stands_in_the_report(imported: Import) -> None:
    run = imported(line("8701000000123"), line(brand="77010000009"), line("+7 (701) 000-00-0"))

    text = Path(run.report).read_text(encoding="utf-8-sig")
    assert "0000001" not in text
    assert "000-00-0" not in text
    assert "77010000009" not in text
    assert not re.search(r"[0-9]{3}", text)


def test_an_import_killed_while_applying_goes_on(imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(f"7701000{n:04}") for n in range(200)]
    apply_chunk = operations.sql.apply_chunk

    def die_half_way(import_id: int, chunk: int, at: datetime) -> None:
        if chunk == operations.sql.CHUNKS // 2:
            raise KeyboardInterrupt
        apply_chunk(import_id, chunk, at)

    monkeypatch.setattr(operations.sql, "apply_chunk", die_half_way)
    with pytest.raises(KeyboardInterrupt):
        imported(*lines)
    half = Subscriber.objects.count()
    monkeypatch.setattr(operations.sql, "apply_chunk", apply_chunk)
    run = imported(*lines)

    assert 0 < half < 200
    assert (Subscriber.objects.count(), run.phase) == (200, "done")
    assert DirectoryImport.objects.count() == 1


def test_a_dry_run_leaves_an_unfinished_import_as_it_is(imported: Import) -> None:
    imported(line())
    unfinished = DirectoryImport.objects.get()
    DirectoryImport.objects.update(phase="applying", finished_at=None)

    call_command("import_subscribers", unfinished.path, "--dry-run", stdout=StringIO())

    unfinished.refresh_from_db()
    assert unfinished.phase == "applying"
    assert DirectoryImport.objects.count() == 2


def test_a_command_that_is_refused_leaves_nothing_behind(imported: Import) -> None:
    """Its file is somebody's own: the back office must not offer to discard it."""
    imported(*(line(f"770100000{n:02}") for n in range(10, 50)))
    path = Path(DirectoryImport.objects.get().path)
    path.write_text(f"{HEADER}\n{line()}\n")

    with pytest.raises(CommandError, match="40 of 40 lines are missing"):
        call_command("import_subscribers", str(path), stdout=StringIO())

    run = DirectoryImport.objects.get(phase="refused")
    assert not operations.is_staged(run)
    assert path.exists()


def crash(run: DirectoryImport) -> None:
    """What a crash of the database does to an unlogged table: its indexes stay, its rows are gone."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {staging_table(run.pk)}")


def test_lines_that_a_crash_took_out_of_staging_are_not_taken_for_vanished(imported: Import, now: datetime) -> None:
    lines = [line(f"7701000{n:04}") for n in range(20)]
    imported(*lines)
    run = imported(*lines, line("77010000099"), is_dry=True)

    crash(run)
    imports.carry_out(run=run, by="test", now=now)

    assert Subscriber.objects.filter(line_status="active").count() == 21


def test_an_import_whose_staging_is_lost_on_the_way_marks_nobody_gone(
    imported: Import, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(f"7701000{n:04}") for n in range(20)]
    imported(*lines)
    run = imported(*lines, is_dry=True)
    apply_chunk = operations.sql.apply_chunk

    def crash_after(import_id: int, chunk: int, at: datetime) -> None:
        apply_chunk(import_id, chunk, at)
        crash(run)

    monkeypatch.setattr(operations.sql, "apply_chunk", crash_after)
    with pytest.raises(StagingLost):
        imports.carry_out(run=run, by="test", now=now)

    assert Subscriber.objects.filter(line_status="active").count() == 20


def test_a_preview_that_another_import_has_overtaken_is_made_again(imported: Import, now: datetime) -> None:
    old = imported(line("77010000001"), is_dry=True, is_allowed=False)
    imported(*[line(f"7701000{n:04}") for n in range(20)])
    Path(old.path).write_text(f"{HEADER}\n{line('77010000001')}\n")

    with pytest.raises(TooManyVanish):
        imports.carry_out(run=old, by="test", now=now)

    assert not Subscriber.objects.filter(line_status="gone").exists()


def plant(now: datetime, phase: str, path: str = "/srv/export.csv") -> DirectoryImport:
    """An import that was killed in this phase, with what it had staged."""
    run = DirectoryImport.objects.create(path=path, phase=phase, digest="d", created_by="directory", created_at=now)
    operations.sql.create_staging(run.pk)
    return run


UPLOAD = "/srv/media/imports/upload-1.csv"


@pytest.mark.parametrize(
    ("phase", "path", "stays"),
    [
        ("uploaded", "/srv/export.csv", False),
        ("staged", "/srv/export.csv", False),
        ("applying", "/srv/export.csv", True),
        ("uploaded", UPLOAD, True),
        ("staged", UPLOAD, True),
        ("applying", UPLOAD, True),
        ("refused", UPLOAD, False),
    ],
)
def test_the_next_command_sweeps_what_a_killed_one_left_and_nobody_takes_up(
    imported: Import, now: datetime, phase: str, path: str, stays: bool
) -> None:
    own = Path(imported(line()).path)
    killed = plant(now + timedelta(days=1), phase, path)

    call_command("import_subscribers", str(own), "--dry-run", stdout=StringIO())

    killed.refresh_from_db()
    assert killed.phase == (phase if stays else "refused")
    assert operations.sql.staged_imports() == ({killed.pk} if stays else set())


def test_a_command_killed_while_applying_is_closed_once_another_import_was_applied(
    imported: Import, now: datetime
) -> None:
    """The rest of its lines would be older than what stands there."""
    killed = plant(now - timedelta(days=1), "applying")
    imported(line())

    assert imports.sweep() == 1

    killed.refresh_from_db()
    assert (killed.phase, operations.sql.staged_imports()) == ("refused", set())


def test_staging_of_no_import_is_dropped_by_the_job(now: datetime) -> None:
    operations.sql.create_staging(10**15)

    imports.work_off(now=now)

    assert operations.sql.staged_imports() == set()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_swept_while_an_import_is_under_way(now: datetime) -> None:
    with imports.alone():
        run = plant(now, "uploaded")

        race(lambda: imports.work_off(now=now))

        run.refresh_from_db()
        assert (run.phase, operations.sql.staged_imports()) == ("uploaded", {run.pk})

    imports.work_off(now=now)
    assert operations.sql.staged_imports() == set()


@pytest.mark.django_db(transaction=True)
def test_two_imports_do_not_run_at_once(imported: Import) -> None:
    def second() -> str:
        with pytest.raises(imports.ImportRunning) as refusal, imports.alone():
            pass
        return refusal.value.code

    with imports.alone():
        assert race(second) == ["import_running"]
    with imports.alone():
        pass
