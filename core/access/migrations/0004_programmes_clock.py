from django.db import migrations, models

import core.lib.clock


class Migration(migrations.Migration):
    """Clients and keys are dated by the programme's clock, as the audit trail is."""

    dependencies = [("access", "0003_partners")]
    operations = [
        migrations.AlterField(
            model_name="apiclient",
            name="created_at",
            field=models.DateTimeField(default=core.lib.clock.now, editable=False, verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="created_at",
            field=models.DateTimeField(default=core.lib.clock.now, editable=False, verbose_name="created at"),
        ),
    ]
