from django.db import migrations, models

_ALLOWED = """
UPDATE enrollment_directoryimport
SET allowed_by = created_by, allowed_ending = COALESCE((counts ->> 'memberships_ending')::integer, 0)
WHERE may_vanish
"""
_MIGHT_VANISH = "UPDATE enrollment_directoryimport SET may_vanish = allowed_ending IS NOT NULL"


class Migration(migrations.Migration):
    """What may be lost by an import is a number that somebody allows, not a tick in its form."""

    dependencies = [("enrollment", "0004_audience")]

    operations = [
        migrations.AddField(
            model_name="directoryimport",
            name="allowed_by",
            field=models.CharField(blank=True, default="", max_length=80, verbose_name="allowed by"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="directoryimport",
            name="allowed_ending",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="memberships that may end"),
        ),
        migrations.AlterField(
            model_name="directoryimport",
            name="refusal",
            field=models.CharField(blank=True, max_length=600, verbose_name="refusal"),
        ),
        migrations.RunSQL(_ALLOWED, _MIGHT_VANISH),
        migrations.RemoveField(model_name="directoryimport", name="may_vanish"),
        migrations.AddConstraint(
            model_name="directoryimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("allowed_by", ""), ("allowed_ending__isnull", True)),
                    models.Q(("allowed_ending__isnull", False), models.Q(("allowed_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="import_loss_is_allowed_by_somebody",
            ),
        ),
    ]
