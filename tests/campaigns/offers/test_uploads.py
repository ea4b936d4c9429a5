"""An upload's way: received, read by a worker, shown in words, imported as it was shown, once."""

import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from campaigns.models import Offer, OfferEvent, Partner, Upload, UploadRow
from campaigns.offers import approval
from campaigns.offers.drafts import Draft, DraftProblem
from campaigns.offers.uploads import child, deciding, importing, operations, parsing
from campaigns.offers.uploads.table import MOST_BYTES
from campaigns.offers.uploads.words import REFUSALS, CatalogueNames
from core.access.models import AuditEvent
from smart import tasks
from smart.local.embedded import PROJECT
from tests.campaigns import files
from tests.campaigns.conftest import DRAFT, NOW

pytestmark = pytest.mark.django_db
REAL = (PROJECT / "smart" / "local" / "data" / "offers.csv").read_bytes()


@pytest.fixture(autouse=True)
def _media(tmp_path: Path, settings: object) -> None:
    settings.MEDIA_ROOT = str(tmp_path)  # type: ignore[attr-defined]


@pytest.fixture
def receive(partner: Partner) -> Callable[..., Upload]:
    def make(data: bytes | str, of: Partner = partner) -> Upload:
        content = data.encode() if isinstance(data, str) else data
        return operations.receive(
            partner=of, file_name="offers.csv", chunks=lambda: [content], by="partner:dana", now=NOW
        )

    return make


@pytest.fixture
def read(receive: Callable[..., Upload]) -> Callable[..., Upload]:
    """An upload that has been read."""

    def make(data: bytes | str, of: Partner | None = None) -> Upload:
        upload = receive(data, of) if of else receive(data)
        assert operations.read_waiting(now=NOW) == 1
        upload.refresh_from_db()
        return upload

    return make


def told(upload: Upload, language: str = "en") -> dict[int, list[str]]:
    """The problems by row, of the rows that have any."""
    with translation.override(language):
        return {row.number: operations.problems_in_words(row) for row in upload.lines.order_by("number") if row.errors}


def test_the_real_files_mess_is_told_in_words(read: Callable[..., Upload]) -> None:
    upload = read(REAL)

    assert (upload.phase, upload.rows, upload.rows_done, upload.good, upload.percent) == ("parsed", 12, 12, 7, 100)
    assert told(upload) == {
        4: ["row 4: valid to 2026-11-05 is before valid from 2026-12-05"],
        8: ["row 8: category alcohol is not allowed"],
        9: ["row 9: channel push is not known"],
        10: ["row 10: the same as row 9"],
        11: ["row 11: a title is missing"],
    }
    assert told(upload, "ru")[8] == ["строка 8: категория alcohol не разрешена"]
    assert told(upload, "kk")[10] == ["10-жол: 9-жолмен бірдей"]


def test_what_was_understood_is_told_in_words(read: Callable[..., Upload]) -> None:
    row = read(REAL).lines.get(number=12)

    with translation.override("ru"):
        words = dict(operations.understood_in_words(row))
    assert words["города"] == "Семей, Усть-Каменогорск", "their names of today"
    assert words["скидка, процентов"] == "40 %"
    assert words["действует с"] == "01.12.2026"
    assert words["каналы"] == "SMS, USSD"
    assert words["интересы"] == "книги, дети"


def test_towns_dates_and_per_cents_are_understood(read: Callable[..., Upload]) -> None:
    rows = {row.number: row.understood for row in read(REAL).lines.all()}

    assert rows[1]["towns"] == ["almaty", "astana"]
    assert rows[1]["codes"] == "unique", "its text asks for a code"
    assert (rows[2]["valid_from"], rows[2]["valid_to"], rows[2]["discount"]) == ("2026-12-01", "2026-12-31", 50)
    assert rows[2]["min_age"] == 16
    assert rows[3]["discount"] == 100
    assert rows[5]["towns"] == []
    assert rows[6]["towns"] == ["astana"]
    assert rows[7]["towns"] == ["aktobe", "oral"]
    assert (rows[7]["title_ru"], rows[7]["text_ru"]) == ("<b>Цветы</b>", "Букеты -25% {{7*7}} {0.__class__}")
    assert rows[9]["discount"] is None


def test_confirm_makes_the_good_rows_offers(read: Callable[..., Upload], partner: Partner) -> None:
    upload = read(REAL)

    assert operations.confirm(upload=upload, by="partner:dana", now=NOW) == 7

    made = {row.number: row.offer for row in upload.lines.select_related("offer__category").exclude(offer=None)}
    assert sorted(made) == [1, 2, 3, 5, 6, 7, 12]
    assert {(offer.partner_id, offer.state, offer.created_by) for offer in made.values()} == {
        (partner.pk, "draft", "partner:dana")
    }
    assert made[7].title_ru == "<b>Цветы</b>"
    assert all(Draft.of(offer).digest == offer.digest for offer in made.values())
    assert set(OfferEvent.objects.values_list("offer", "after", "by")) == {
        (offer.pk, "draft", "partner:dana") for offer in made.values()
    }
    event = AuditEvent.objects.get(action="import_offers")
    assert (event.subject, event.by, event.details) == (f"upload:{upload.pk}", "partner:dana", {"offers": 7})
    upload.refresh_from_db()
    assert (upload.phase, upload.finished_at) == ("imported", NOW)


def test_an_imported_offer_is_like_one_made_by_hand(read: Callable[..., Upload], stranger: Partner) -> None:
    upload = read(files.text(files.ROW))
    operations.confirm(upload=upload, by="partner:dana", now=NOW)
    by_import = Offer.objects.get()

    by_hand = approval.create(partner=stranger, draft=Draft.of(by_import), by="partner:dana", now=NOW)

    names = [field.attname for field in Offer._meta.fields if field.name not in ("id", "partner")]
    assert (
        Offer.objects.filter(pk=by_import.pk).values(*names)[0] == Offer.objects.filter(pk=by_hand.pk).values(*names)[0]
    )


def test_confirm_is_done_once(read: Callable[..., Upload]) -> None:
    upload = read(files.text(files.ROW))
    operations.confirm(upload=upload, by="partner:dana", now=NOW)

    with pytest.raises(operations.NotWaiting):
        operations.confirm(upload=upload, by="partner:dana", now=NOW)
    with pytest.raises(operations.NotWaiting):
        operations.discard(upload=upload, by="partner:dana", now=NOW)
    assert Offer.objects.count() == 1


def test_the_same_file_again_is_reported_not_doubled(read: Callable[..., Upload]) -> None:
    operations.confirm(upload=read(REAL), by="partner:dana", now=NOW)

    again = read(REAL)

    assert again.good == 0
    first = Offer.objects.order_by("pk").first()
    assert first is not None
    assert told(again)[1] == [f"row 1: an identical offer is there already: №{first.pk}"]
    assert again.lines.get(number=1).offer == first
    with pytest.raises(operations.NothingGood):
        operations.confirm(upload=again, by="partner:dana", now=NOW)
    assert Offer.objects.count() == 7


def test_a_corrected_file_brings_what_is_new(read: Callable[..., Upload]) -> None:
    operations.confirm(upload=read(REAL), by="partner:dana", now=NOW)

    corrected = read(REAL.replace(b"2026-11-05", b"2026-12-25"))

    assert operations.confirm(upload=corrected, by="partner:dana", now=NOW) == 1
    assert Offer.objects.filter(title_en="Winter tyres -15%").get().text_ru == (
        '=HYPERLINK("http://example.org";"Шины")'
    )


def test_another_partners_offers_are_none_of_ours(read: Callable[..., Upload], stranger: Partner) -> None:
    operations.confirm(upload=read(files.text(files.ROW)), by="partner:dana", now=NOW)

    assert read(files.text(files.ROW), stranger).good == 1


def test_what_became_wrong_since_the_preview_is_marked_and_nothing_is_imported(
    read: Callable[..., Upload], partner: Partner
) -> None:
    upload = read(files.text(files.ROW, files.row(title_ru="Другая"), files.row(valid_to="2026-12-02")))
    assert upload.good == 3
    same = approval.create(partner=partner, draft=_draft_of(upload, 1), by="partner:erlan", now=NOW)
    later = NOW + timedelta(days=12)

    with pytest.raises(operations.Outdated) as refused:
        operations.confirm(upload=upload, by="partner:dana", now=later)

    assert refused.value.details == {"rows": 2}
    upload.refresh_from_db()
    assert (upload.phase, upload.good) == ("parsed", 1)
    assert Offer.objects.count() == 1
    assert told(upload) == {
        1: [f"row 1: an identical offer is there already: №{same.pk}"],
        3: ["row 3: valid to 2026-12-02 is over already"],
    }
    assert operations.confirm(upload=upload, by="partner:dana", now=later) == 1, "what is still good"


def _draft_of(upload: Upload, number: int) -> Draft:
    return parsing.restored(upload.lines.get(number=number).understood)


def test_an_offer_made_in_the_last_instant_lets_none_be_imported(
    read: Callable[..., Upload], partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our insert: the unique constraint is the judge."""
    upload = read(files.text(files.row(title_ru="Другая"), files.ROW))
    recheck = importing.recheck

    def overtaken(*args: Any) -> list[UploadRow]:
        found = recheck(*args)
        if not Offer.objects.exists():
            approval.create(partner=partner, draft=_draft_of(upload, 2), by="partner:erlan", now=NOW)
        return found

    monkeypatch.setattr(importing, "recheck", overtaken)

    with pytest.raises(operations.Outdated):
        operations.confirm(upload=upload, by="partner:dana", now=NOW)

    assert list(Offer.objects.values_list("created_by", flat=True)) == ["partner:erlan"]
    assert list(told(upload)) == [2]


def test_discard_drops_the_rows(read: Callable[..., Upload]) -> None:
    upload = read(REAL)

    discarded = operations.discard(upload=upload, by="partner:dana", now=NOW)

    assert (discarded.phase, operations.refusal_in_words(discarded)) == ("refused", str(REFUSALS["discarded"]))
    assert not UploadRow.objects.exists()
    assert AuditEvent.objects.filter(action="discard_upload", subject=f"upload:{upload.pk}").count() == 1


def test_an_upload_that_is_not_read_yet_cannot_be_confirmed(receive: Callable[..., Upload]) -> None:
    upload = receive(REAL)

    with pytest.raises(operations.NotWaiting):
        operations.confirm(upload=upload, by="partner:dana", now=NOW)


def test_the_file_is_ours_alone_and_gone_when_it_has_been_read(receive: Callable[..., Upload], tmp_path: Path) -> None:
    upload = receive(REAL)
    path = Path(upload.path)

    assert path.parent == tmp_path / "uploads"
    assert "offers.csv" not in path.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    operations.read_waiting(now=NOW)
    assert not path.exists()


def test_too_large_a_file_is_refused_before_it_is_kept(partner: Partner, tmp_path: Path) -> None:
    taken: list[int] = []

    def chunks() -> Iterable[bytes]:
        for _ in range(1_000):
            taken.append(1)
            yield b"x" * (1 << 20)

    with pytest.raises(operations.FileTooLarge):
        operations.receive(partner=partner, file_name="x", chunks=chunks, by="partner:dana", now=NOW)

    assert len(taken) == (MOST_BYTES >> 20) + 1
    assert not list((tmp_path / "uploads").iterdir())
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (files.text(files.ROW, headings=("x", *files.HEADINGS[1:])),
         "these headings are not known: x; take those of the template"),
        (files.tampered(files.workbook(files.ROW), strings=b'<!DOCTYPE x [<!ENTITY a "b">]><sst>&a;</sst>'),
         "the file holds definitions that no spreadsheet program writes"),
    ],
    ids=["empty", "unknown heading", "entities"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(read: Callable[..., Upload], data: bytes | str, why: str) -> None:
    upload = read(data)

    assert (upload.phase, upload.finished_at is not None, upload.lease_until) == ("refused", True, None)
    with translation.override("en"):
        assert operations.refusal_in_words(upload) == why
    with translation.override("kk"):
        assert operations.refusal_in_words(upload) not in ("", why)


def test_a_child_that_dies_refuses_its_upload_and_no_other(
    receive: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = receive(REAL)
    monkeypatch.setattr(child, "COMMAND", ("/bin/false",))
    assert operations.read_waiting(now=NOW) == 1
    monkeypatch.undo()
    other = receive(REAL)
    operations.read_waiting(now=NOW)

    upload.refresh_from_db()
    other.refresh_from_db()
    assert (upload.phase, other.phase) == ("refused", "parsed")
    with translation.override("en"):
        assert operations.refusal_in_words(upload) == "the file could not be read to its end"


def test_a_dead_workers_upload_is_read_again_after_its_lease(
    receive: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = receive(REAL)
    monkeypatch.setattr(operations, "_LOT", 5)
    _die_after(monkeypatch, lots=1)
    with pytest.raises(KeyboardInterrupt):
        operations.read_waiting(now=NOW)
    upload.refresh_from_db()
    assert (upload.phase, upload.rows_done, upload.percent, upload.lines.count()) == ("parsing", 5, 41, 5)
    monkeypatch.undo()

    assert operations.read_waiting(now=NOW + timedelta(minutes=1)) == 0, "its lease is not over"
    assert operations.read_waiting(now=NOW + timedelta(minutes=4)) == 1

    upload.refresh_from_db()
    assert (upload.phase, upload.rows_done, upload.good, upload.lines.count()) == ("parsed", 12, 7, 12)


def _die_after(monkeypatch: pytest.MonkeyPatch, *, lots: int) -> None:
    advance, calls = operations._advance, []

    def dying(*args: object) -> None:
        calls.append(1)
        if len(calls) > lots:
            raise KeyboardInterrupt
        advance(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "_advance", dying)


def test_beat_rings_for_it(receive: Callable[..., Upload]) -> None:
    upload = receive(REAL)

    assert tasks.read_uploads() == 1
    upload.refresh_from_db()
    assert upload.phase in ("parsed", "refused"), "by the real clock it may be old"


def test_what_goes_on_killing_its_workers_is_given_up(receive: Callable[..., Upload]) -> None:
    deadly, late = receive(REAL), receive(REAL)
    Upload.objects.filter(pk=deadly.pk).update(phase="parsing", lease_until=NOW)

    operations.read_waiting(now=NOW + timedelta(hours=2))

    deadly.refresh_from_db()
    late.refresh_from_db()
    with translation.override("en"):
        assert operations.refusal_in_words(deadly) == "the file could not be read: tell us, we look into it"
    assert late.phase == "parsed", "it only had to wait"


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    receive: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = receive(REAL)
    understand = operations.RowParser.understand

    def taken_over(self: operations.RowParser, row: object) -> tuple[Draft, list[DraftProblem], int | None]:
        Upload.objects.filter(pk=upload.pk).update(lease_until=NOW + timedelta(hours=1))
        return understand(self, row)  # type: ignore[arg-type]

    monkeypatch.setattr(operations.RowParser, "understand", taken_over)
    operations.read_waiting(now=NOW)

    upload.refresh_from_db()
    assert (upload.phase, upload.rows_done, upload.lines.count()) == ("parsing", 0, 0)
    assert Path(upload.path).exists(), "the other one needs it"


def test_a_shared_code_is_one_offers_alone(read: Callable[..., Upload], make_offer: Callable[..., Offer]) -> None:
    make_offer(codes="shared", shared_code="ARBAT30", text_ru="Код {code}", text_kk="")
    headings = (*files.HEADINGS, "Code")
    line = files.row(text_ru="Код {code}")

    upload = read(
        files.text(
            (*line, "arbat30"),
            (*line, "NEW1"),
            (*files.row(text_ru="Код: {code}"), "new1"),
            (*line, ""),
            (*files.ROW, "NEW2"),
            headings=headings,
        )
    )

    assert told(upload) == {
        1: ["row 1: another offer of yours has this code"],
        3: ["row 3: row 2 has this code already"],
        5: ["row 5: text in Russian: the text has no {code}, though codes are given"],
    }
    understood = {row.number: row.understood for row in upload.lines.all()}
    assert (understood[2]["codes"], understood[2]["shared_code"]) == ("shared", "NEW1")
    assert understood[4]["codes"] == "unique"
    assert operations.confirm(upload=upload, by="partner:dana", now=NOW) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid_from": "32.13.2026"}, "valid from: a date is missing or cannot be read: 32.13.2026"),
        ({"valid_from": ""}, "valid from: a date is missing or cannot be read: "),
        ({"discount": "0.3"}, "the discount must be between 1 and 100 per cent: 0.3"),
        ({"discount": "150%"}, "the discount must be between 1 and 100 per cent: 150%"),
        ({"discount": "-15%"}, "the discount must be between 1 and 100 per cent: -15%"),
        ({"towns": "Алматы, Атлантида"}, "town Атлантида is not known"),
        ({"towns": "all, Алматы"}, "town all is not known"),
        ({"channels": ""}, "a channel is missing"),
        ({"text_ru": "я" * 1_001}, "text in Russian: the text cannot be sent: it is too long"),
        ({"text_ru": '"Скидка'}, "text in Russian: a quotation mark is opened and never closed"),
        ({"title_ru": "%s %(x)s {x}" + "я" * 80}, "title in Russian: the title is longer than 80 characters"),
    ],
)
def test_a_wrong_cell_is_told_once_and_by_its_own_words(
    read: Callable[..., Upload], changes: dict[str, str], words: str
) -> None:
    assert told(read(files.text(files.row(**changes)))) == {1: [f"row 1: {words}"]}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        *[({"valid_from": text}, "valid_from", "2026-12-01")
          for text in ("2026-12-01", "01.12.2026", "1.12.26", "01/12/2026", "2026-12-01 00:00:00", "46357")],
        *[({"discount": text}, "discount", 40) for text in ("40", "40%", "40 %", "40,0", "40.00%")],
        *[({"discount": text}, "discount", None) for text in ("", "0", "0%", "-")],
        *[({"towns": text}, "towns", []) for text in ("", "all", "Все", "Қазақстан")],
        *[({"towns": text}, "towns", ["almaty", "semey"]) for text in ("г. Семей,Алма-Ата", "Семипалатинск/Алматы")],
        *[({"channels": text}, "channels", ["sms", "ussd"]) for text in ("ussd, SMS", "USSD|смс")],
        *[({"category": text}, "category", "food") for text in ("FOOD", "Еда и рестораны", "тамақ және мейрамханалар")],
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_cell_is_understood(read: Callable[..., Upload], changes: dict[str, str], field: str, value: object) -> None:
    upload = read(files.text(files.row(**changes)))

    assert told(upload) == {}
    assert upload.lines.get().understood[field] == value


def test_an_order_of_towns_and_channels_makes_no_other_offer(read: Callable[..., Upload]) -> None:
    upload = read(files.text(files.row(towns="Алматы, Астана", channels="sms,ussd"),
                             files.row(towns="Астана, Алматы", channels="ussd, sms", discount="30")))  # fmt: skip

    assert told(upload) == {2: ["row 2: the same as row 1"]}


def test_what_is_kept_is_the_draft_itself() -> None:
    draft = replace(DRAFT, towns=("almaty",), discount=5, codes="shared", shared_code="ABCD", uses=3)

    assert parsing.restored(parsing.kept(draft)) == draft


def test_many_rows_are_imported_in_few_statements(
    read: Callable[..., Upload], django_assert_max_num_queries: Callable[..., object]
) -> None:
    upload = read(files.text(*[files.row(title_ru=f"Скидка {n}") for n in range(1_200)]))

    assert operations.confirm(upload=upload, by="partner:dana", now=NOW) is None, "a worker is to do it"

    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        assert deciding.import_confirmed(now=NOW) == 1
    assert upload.lines.filter(offer=None).count() == 0
    assert upload.lines.get(number=1_200).offer.title_ru == "Скидка 1199"


def test_a_page_of_rows_is_told_in_few_statements(
    read: Callable[..., Upload], django_assert_num_queries: Callable[..., object]
) -> None:
    rows = list(read(REAL).lines.all())

    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        names = CatalogueNames()
        words = [operations.understood_in_words(row, names=names) for row in rows]
    assert all(words)
