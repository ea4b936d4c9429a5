import django.db.models.deletion
from django.db import migrations, models

FINAL = """
CREATE TRIGGER campaigns_countedresult_final BEFORE UPDATE OR DELETE ON campaigns_countedresult FOR EACH ROW
    WHEN (OLD.is_final) EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER campaigns_countedresult_no_truncate BEFORE TRUNCATE ON campaigns_countedresult
    FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change();
"""
UNDO = """
DROP TRIGGER IF EXISTS campaigns_countedresult_final ON campaigns_countedresult;
DROP TRIGGER IF EXISTS campaigns_countedresult_no_truncate ON campaigns_countedresult;
"""


class Migration(migrations.Migration):
    """A campaign's exact figures stay when its messages are dropped."""

    dependencies = [
        ("campaigns", "0004_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="CountedResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("figures", models.JSONField(null=True, verbose_name="figures")),
                ("counted_at", models.DateTimeField(null=True, verbose_name="counted at")),
                ("is_final", models.BooleanField(default=False, verbose_name="final")),
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="counted",
                        to="campaigns.campaign",
                        verbose_name="campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "counted result",
                "verbose_name_plural": "counted results",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(figures__isnull=True, counted_at__isnull=True, is_final=False)
                        | models.Q(figures__isnull=False, counted_at__isnull=False),
                        name="countedresult_is_whole",
                    )
                ],
            },
        ),
        migrations.RunSQL(FINAL, UNDO),
    ]
