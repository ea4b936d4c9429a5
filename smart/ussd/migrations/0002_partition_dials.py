from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from core.lib import append_only, partitions


def partition(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    partitions.partition_by_month(editor, "ussd_dial")


class Migration(migrations.Migration):
    """Dials are partitioned by month and append-only; sessions are small, short-lived and much updated."""

    dependencies = [("ussd", "0001_initial"), ("access", "0002_protect")]
    operations = [
        migrations.RunPython(partition, migrations.RunPython.noop),
        migrations.RunSQL(append_only.protect("ussd_dial"), append_only.unprotect("ussd_dial")),
        migrations.RunSQL(partitions.refuse_truncate_sql("ussd_dial_default"), ""),
        migrations.RunSQL(
            "ALTER TABLE ussd_ussdsession SET (fillfactor = 50)",
            "ALTER TABLE ussd_ussdsession RESET (fillfactor)",
        ),
    ]
