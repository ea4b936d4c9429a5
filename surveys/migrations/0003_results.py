import django.db.models.deletion
from django.db import migrations, models

FINAL = """
CREATE TRIGGER surveys_publishedresult_final BEFORE UPDATE OR DELETE ON surveys_publishedresult FOR EACH ROW
    WHEN (OLD.is_final) EXECUTE FUNCTION smart_refuse_change();
"""
UNDO = "DROP TRIGGER IF EXISTS surveys_publishedresult_final ON surveys_publishedresult;"


class Migration(migrations.Migration):
    """What sponsors see of surveys, and files of answers that take a while to make."""

    dependencies = [
        ("surveys", "0002_protect"),
    ]

    operations = [
        migrations.CreateModel(
            name="PublishedResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="as of")),
                ("counted", models.PositiveIntegerField(verbose_name="completed when it was written")),
                ("figures", models.JSONField(default=dict, verbose_name="figures")),
                ("is_final", models.BooleanField(default=False, verbose_name="final")),
                (
                    "survey",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="published",
                        to="surveys.survey",
                        verbose_name="survey",
                    ),
                ),
            ],
            options={
                "verbose_name": "published survey result",
                "verbose_name_plural": "published survey results",
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("xlsx", "XLSX"), ("sav", "SPSS")], max_length=4, verbose_name="kind"),
                ),
                ("asked", models.CharField(blank=True, max_length=1000, verbose_name="filters")),
                ("language", models.CharField(max_length=2, verbose_name="language")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("making", "being made"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="waiting",
                        max_length=7,
                        verbose_name="state",
                    ),
                ),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("made", models.PositiveIntegerField(default=0, verbose_name="rows made")),
                ("path", models.CharField(blank=True, max_length=200, verbose_name="file")),
                ("created_by", models.CharField(max_length=80, verbose_name="made by")),
                ("created_at", models.DateTimeField(verbose_name="made at")),
                ("touched_at", models.DateTimeField(verbose_name="worked on at")),
                (
                    "survey",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exports",
                        to="surveys.survey",
                        verbose_name="survey",
                    ),
                ),
            ],
            options={
                "verbose_name": "survey export",
                "verbose_name_plural": "survey exports",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "making"])),
                        fields=["id"],
                        name="survey_export_to_make",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), models.Q(("path", ""), _negated=True)),
                            models.Q(("state", "done"), _negated=True),
                            _connector="OR",
                        ),
                        name="survey_export_done_has_a_file",
                    )
                ],
            },
        ),
        migrations.RunSQL(FINAL, UNDO),
    ]
