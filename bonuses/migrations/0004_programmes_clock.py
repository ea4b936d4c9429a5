from django.db import migrations, models

import core.lib.clock


class Migration(migrations.Migration):
    """Terms are dated by the programme's clock, as the grants issued under them are."""

    dependencies = [("bonuses", "0003_grants_stay")]
    operations = [
        migrations.AlterField(
            model_name="bonusterms",
            name="created_at",
            field=models.DateTimeField(default=core.lib.clock.now, editable=False, verbose_name="created at"),
        ),
    ]
