import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """What an empty list of addresses means, for partners' programs too."""

    dependencies = [("access", "0004_programmes_clock")]
    operations = [
        migrations.AlterField(
            model_name="apiclient",
            name="networks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=43),
                blank=True,
                default=list,
                help_text="Networks in CIDR notation the client may call from. Empty: from anywhere if it signs or is a"
                " partner's, else from nowhere.",
                size=None,
                verbose_name="addresses",
            ),
        ),
    ]
