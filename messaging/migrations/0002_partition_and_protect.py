from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from core.lib import partitions


def partition(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    partitions.partition_by_month(editor, "messaging_message", fillfactor=60)
    partitions.partition_by_month(editor, "messaging_attempt", fillfactor=70)  # its outcome is written into its page
    partitions.partition_by_month(editor, "messaging_networkid", fillfactor=80)
    partitions.partition_by_month(editor, "messaging_receipt", fillfactor=80)


# The WHEN clauses are evaluated without entering PL/pgSQL: a legal update costs next to nothing.
RULES = """
CREATE SEQUENCE messaging_fence AS bigint;
CREATE FUNCTION smart_refuse_message_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'message: % to % is refused', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER messaging_message_transition BEFORE UPDATE ON messaging_message FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('waiting', 'claimed'), ('waiting', 'expired'), ('waiting', 'cancelled'), ('waiting', 'refused'),
        ('claimed', 'waiting'), ('claimed', 'submitted'), ('claimed', 'delivered'), ('claimed', 'unknown'),
        ('claimed', 'failed'), ('claimed', 'refused'), ('claimed', 'expired'), ('claimed', 'cancelled'),
        ('submitted', 'delivered'), ('submitted', 'undelivered'), ('submitted', 'unreported'),
        ('unknown', 'submitted'), ('unknown', 'delivered'), ('unknown', 'undelivered'), ('unknown', 'unreported')))
    EXECUTE FUNCTION smart_refuse_message_transition();
CREATE TRIGGER messaging_message_frozen BEFORE UPDATE ON messaging_message FOR EACH ROW
    WHEN (OLD.state IN ('delivered', 'undelivered', 'unreported', 'refused', 'expired', 'cancelled', 'failed')
        OR OLD.subscriber_id <> NEW.subscriber_id OR OLD.month <> NEW.month OR OLD.id <> NEW.id
        OR OLD.origin <> NEW.origin OR OLD.message_class <> NEW.message_class OR OLD.text <> NEW.text
        OR NEW.fence < OLD.fence)
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER messaging_attempt_frozen BEFORE UPDATE ON messaging_attempt FOR EACH ROW
    WHEN (OLD.message_id <> NEW.message_id OR OLD.fence <> NEW.fence OR OLD.gated_at <> NEW.gated_at
        OR OLD.valid_until <> NEW.valid_until OR OLD.transport <> NEW.transport OR OLD.number <> NEW.number)
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER messaging_message_kept BEFORE DELETE ON messaging_message FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER messaging_attempt_kept BEFORE DELETE ON messaging_attempt FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER messaging_receipt_kept BEFORE DELETE ON messaging_receipt FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
ALTER TABLE messaging_contact SET (fillfactor = 70);
"""
UNDO = """
DROP TRIGGER IF EXISTS messaging_message_transition ON messaging_message;
DROP TRIGGER IF EXISTS messaging_message_frozen ON messaging_message;
DROP TRIGGER IF EXISTS messaging_message_kept ON messaging_message;
DROP TRIGGER IF EXISTS messaging_attempt_frozen ON messaging_attempt;
DROP TRIGGER IF EXISTS messaging_attempt_kept ON messaging_attempt;
DROP TRIGGER IF EXISTS messaging_receipt_kept ON messaging_receipt;
DROP FUNCTION IF EXISTS smart_refuse_message_transition();
DROP SEQUENCE IF EXISTS messaging_fence;
"""


class Migration(migrations.Migration):
    """Partition by month what grows by the month; let the database refuse what no message may do (M9)."""

    dependencies = [("messaging", "0001_initial"), ("access", "0002_protect")]
    operations = [
        migrations.RunPython(partition, migrations.RunPython.noop),
        migrations.RunSQL(RULES, UNDO),
    ]
