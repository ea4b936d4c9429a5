from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """A confirmed upload of many rows waits for a worker, who must know whose decision it was."""

    dependencies = [("campaigns", "0005_counted")]
    operations = [
        migrations.RemoveConstraint(model_name="upload", name="upload_end_is_whole"),
        migrations.AddField("upload", "confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed at")),
        migrations.AddField(
            "upload", "confirmed_by", models.CharField(blank=True, max_length=80, verbose_name="confirmed by")
        ),
        migrations.AlterField(
            model_name="upload",
            name="phase",
            field=models.CharField(
                choices=[
                    ("uploaded", "waiting to be read"),
                    ("parsing", "being read"),
                    ("parsed", "read, waiting for your decision"),
                    ("accepted", "being imported"),
                    ("imported", "imported"),
                    ("refused", "nothing made of it"),
                ],
                default="uploaded",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=Q(phase__in=["uploaded", "parsing", "parsed"], finished_at__isnull=True)
                | (Q(phase="accepted", finished_at__isnull=True, confirmed_at__isnull=False) & ~Q(confirmed_by=""))
                | Q(phase="imported", finished_at__isnull=False)
                | (Q(phase="refused", finished_at__isnull=False) & ~Q(refusal="")),
                name="upload_end_is_whole",
            ),
        ),
    ]
