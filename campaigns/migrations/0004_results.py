import django.db.models.deletion
from django.db import migrations, models

from core.lib import append_only

FINAL = """
CREATE TRIGGER campaigns_publishedresult_final BEFORE UPDATE OR DELETE ON campaigns_publishedresult FOR EACH ROW
    WHEN (OLD.is_final) EXECUTE FUNCTION smart_refuse_change();
"""
UNDO = "DROP TRIGGER IF EXISTS campaigns_publishedresult_final ON campaigns_publishedresult;"


class Migration(migrations.Migration):
    """What partners are told and billed stays as it was written."""

    dependencies = [
        ("campaigns", "0003_redemption_throttle"),
        ("access", "0002_protect"),
    ]

    operations = [
        migrations.CreateModel(
            name="PublishedResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="as of")),
                ("figures", models.JSONField(default=dict, verbose_name="figures")),
                ("is_final", models.BooleanField(default=False, verbose_name="final")),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="published",
                        to="campaigns.campaign",
                        verbose_name="campaign",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="published",
                        to="campaigns.offer",
                        verbose_name="offer",
                    ),
                ),
            ],
            options={
                "verbose_name": "published result",
                "verbose_name_plural": "published results",
                "constraints": [models.UniqueConstraint(fields=("campaign", "offer"), name="publishedresult_once")],
            },
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(verbose_name="month")),
                ("lines", models.JSONField(default=list, verbose_name="lines")),
                ("messages", models.PositiveIntegerField(verbose_name="delivered messages")),
                ("price", models.PositiveIntegerField(verbose_name="price of a delivered message, tiyn")),
                ("issued_at", models.DateTimeField(verbose_name="issued at")),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="campaigns.partner",
                        verbose_name="partner",
                    ),
                ),
            ],
            options={
                "verbose_name": "statement",
                "verbose_name_plural": "statements",
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "month"), name="statement_once"),
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="statement_month_is_a_first"),
                ],
            },
        ),
        migrations.RunSQL(FINAL, UNDO),
        migrations.RunSQL(append_only.protect("campaigns_statement"), append_only.unprotect("campaigns_statement")),
    ]
