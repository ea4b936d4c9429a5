"""A month's statement per partner: delivered messages at the price of that time, as CSV and PDF (ADR 0021)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from campaigns.models import Offer, Partner, Statement
from campaigns.results import rounding
from core.jobs import operations as jobs
from core.jobs.operations import Step
from core.lib import astana
from messaging import sql

if TYPE_CHECKING:
    from fpdf import FPDF

READY_ON = 3  # day of the month after: the receipts of its last day are in, or will not come
_FONTS = Path(__file__).resolve().parents[2] / "static" / "fonts"

_DELIVERED = """
SELECT o.partner_id, o.id, count(*)
FROM messaging_message m
JOIN campaigns_placement p ON p.campaign_id = m.campaign AND p.subscriber_id = m.subscriber_id
JOIN campaigns_offer o ON o.id = p.offer_id
WHERE m.message_class = 'offer' AND m.state = 'delivered' AND m.month BETWEEN %(oldest)s AND %(month)s
  AND m.ended_at >= %(since)s AND m.ended_at < %(until)s
GROUP BY 1, 2
"""


def issue_monthly(*, now: datetime) -> int | None:
    """Issue last month's statements, once it is settled; return how many, None when that is done or too early."""
    if astana.day_of(now).day < READY_ON:
        return None
    month = astana.previous_month(astana.month_of(now))

    def chunk(_watermark: int) -> Step:
        return Step(affected=issue(month=month, now=now), watermark=1, is_last=True)

    return jobs.run_slot(name="issue_statements", slot=month.isoformat(), now=now, chunk=chunk)


def issue(*, month: date, now: datetime) -> int:
    """Write the month's statement of every partner that had messages delivered and has none; return how many."""
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERED, _given(month))
        for partner, offer, messages in cursor.fetchall():
            counted[partner][str(offer)] = messages
    billed = Partner.objects.filter(pk__in=counted).exclude(statements__month=month)
    made = [_statement(partner, month, counted[partner.pk], now) for partner in billed]
    return len(Statement.objects.bulk_create(made))


def _given(month: date) -> dict[str, Any]:
    since = astana.start_of(month)
    return {
        "month": month,
        "oldest": sql.oldest_month(since),
        "since": since,
        "until": astana.start_of(astana.next_month(month)),
    }


def _statement(partner: Partner, month: date, delivered: dict[str, int], now: datetime) -> Statement:
    """Each line in hundreds. Two or more that cannot be shown are one line, or a gift when they are small together.

    One alone is a gift: were it added to another's line, it could be read from the other's results.
    """
    told, others = rounding.lines(delivered, cell=f"statement/{partner.pk}/{month}")
    lines: list[tuple[int | None, int]] = [(int(offer), messages) for offer, messages in sorted(told.items())]
    if others:
        lines.append((None, others))
    total = sum(messages for _offer, messages in lines)
    return Statement(partner=partner, month=month, lines=lines, messages=total, price=partner.price, issued_at=now)


def lines(statement: Statement) -> list[tuple[str, int, int]]:
    """(what, messages, tiyn) of each line, in the reader's language."""
    titles = {offer.pk: f"№{offer.pk} {offer}" for offer in Offer.objects.filter(partner=statement.partner_id)}
    return [
        (titles.get(offer, str(offer)) if offer else _("all other offers"), messages, messages * statement.price)
        for offer, messages in statement.lines
    ]


def rows(statement: Statement) -> Iterator[list[object]]:
    """The statement as a table."""
    month = statement.month.strftime("%m.%Y")
    yield [_("month"), _("offer"), _("delivered messages"), _("price, ₸"), _("amount, ₸")]
    for what, messages, amount in lines(statement):
        yield [month, what, messages, tenge(statement.price), tenge(amount)]
    yield [month, _("total"), statement.messages, tenge(statement.price), tenge(statement.amount)]


def tenge(tiyn: int) -> str:
    """An amount as it is written in a file: 1234.50."""
    return f"{tiyn // 100}.{tiyn % 100:02}"


def pdf(statement: Statement) -> bytes:
    """The statement as a page to be filed: in the reader's language, Kazakh letters included."""
    from fpdf import FPDF  # noqa: PLC0415 - half a second of loading, which no process needs to start

    page = FPDF(format="A4")
    page.set_creation_date(statement.issued_at)
    page.set_title(_("Statement"))
    page.set_lang(get_language() or "ru")
    page.add_font("DejaVu", fname=_FONTS / "DejaVuSans.ttf")
    page.add_font("DejaVu", style="B", fname=_FONTS / "DejaVuSans-Bold.ttf")
    page.add_page()
    page.set_font("DejaVu", style="B", size=18)
    page.cell(text=_("Statement"), new_x="LMARGIN", new_y="NEXT")
    page.set_font("DejaVu", size=11)
    page.ln(3)
    issued = astana.day_of(statement.issued_at)
    for label, value in (
        (_("partner"), statement.partner.name),
        (_("month"), date_format(statement.month, "F Y")),
        (_("issued"), issued.strftime("%d.%m.%Y")),
    ):
        page.multi_cell(w=0, text=f"{label}: {value}", new_x="LMARGIN", new_y="NEXT")
    page.ln(4)
    _table(page, statement)
    page.ln(4)
    page.set_font("DejaVu", size=9)
    page.multi_cell(w=0, text=explained(), new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())


def _table(page: "FPDF", statement: Statement) -> None:
    from fpdf import FontFace  # noqa: PLC0415 - as above

    headings, *body, total = [row[1:] for row in rows(statement)]
    page.set_font("DejaVu", size=10)
    with page.table(
        col_widths=(52, 18, 14, 16),
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT"),
        headings_style=FontFace(emphasis="BOLD"),
        borders_layout="HORIZONTAL_LINES",
        line_height=7,
    ) as table:
        for row in (headings, *body):
            table.row([str(cell) for cell in row])
        table.row([str(cell) for cell in total], style=FontFace(emphasis="BOLD"))


def explained() -> str:
    """How a bill in hundreds comes about."""
    return _(
        "Messages are counted in hundreds, so that no single member can be told from a bill: each line is less than a"
        " hundred off and right on average. Offers with few messages stand in one line when they are several and have"
        " a thousand together; else they cost nothing."
    )
