from django.db import migrations

# Partitions that are there, the default included; those made later get theirs from core.lib.partitions.
REFUSE = """
CREATE TRIGGER bonuses_grant_no_truncate BEFORE TRUNCATE ON bonuses_grant
    FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change();
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'bonuses_grant'::regclass LOOP
        EXECUTE format('CREATE TRIGGER %s_no_truncate BEFORE TRUNCATE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change()', part, part);
    END LOOP;
END $$;
"""
UNDO = """
DROP TRIGGER IF EXISTS bonuses_grant_no_truncate ON bonuses_grant;
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'bonuses_grant'::regclass LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %s_no_truncate ON %s', part, part);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    """Grants refuse DELETE already; now they refuse TRUNCATE as well (B12)."""

    dependencies = [("bonuses", "0002_partition_and_protect")]
    operations = [migrations.RunSQL(REFUSE, UNDO)]
