from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def refuse_unknown(apps: Any, schema_editor: Any) -> None:
    """Until now a sponsor was a bare number. One that names nobody is for a person to decide about."""
    partners = apps.get_model("campaigns", "Partner").objects
    surveys = apps.get_model("surveys", "Survey").objects.filter(sponsor__isnull=False)
    unknown = surveys.exclude(sponsor__in=partners.values("pk")).values_list("pk", "sponsor")
    if unknown:
        told = ", ".join(f"survey {survey} names {sponsor}" for survey, sponsor in unknown)
        raise ValueError(f"There are no such partners: {told}. Set their surveys_survey.sponsor to NULL or a partner.")


class Migration(migrations.Migration):
    """A sponsor is a partner, and cannot be deleted while it sponsors."""

    dependencies = [
        ("campaigns", "0007_approved_text"),
        ("surveys", "0003_results"),
    ]

    operations = [
        migrations.RunPython(refuse_unknown, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="survey",
            name="sponsor",
            field=models.ForeignKey(
                blank=True,
                db_column="sponsor",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="campaigns.partner",
                verbose_name="sponsor",
            ),
        ),
    ]
