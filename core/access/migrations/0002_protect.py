from django.db import migrations

from core.lib import append_only


class Migration(migrations.Migration):
    """The audit trail is append-only; nonces need no crash safety."""

    dependencies = [("access", "0001_initial")]
    operations = [
        migrations.RunSQL(append_only.FUNCTION, "DROP FUNCTION IF EXISTS smart_refuse_change() CASCADE"),
        migrations.RunSQL(append_only.protect("access_auditevent"), append_only.unprotect("access_auditevent")),
        migrations.RunSQL("ALTER TABLE access_nonce SET UNLOGGED", "ALTER TABLE access_nonce SET LOGGED"),
    ]
