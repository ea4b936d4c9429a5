from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from core.lib import append_only, partitions


def partition(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    partitions.partition_by_month(editor, "bonuses_grant", fillfactor=50)  # a sweep then updates HOT
    partitions.partition_by_month(editor, "bonuses_ledgerentry")
    partitions.partition_by_month(editor, "bonuses_debit")


# B3 in the database: a monthly bonus is activated in its own Astana month, and there is one a month.
OWN_MONTH = """
ALTER TABLE bonuses_grant ADD CONSTRAINT grant_activated_in_its_month CHECK (
    kind <> 'monthly' OR activated_at IS NULL
    OR date_trunc('month', activated_at AT TIME ZONE 'Asia/Almaty')::date = month
);
"""

# The WHEN clauses are evaluated without entering PL/pgSQL: a legal update costs next to nothing.
GRANT_RULES = """
CREATE FUNCTION smart_refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'grant: % to % is refused', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER bonuses_grant_transition BEFORE UPDATE ON bonuses_grant FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('waiting', 'active'), ('waiting', 'cancelled'), ('waiting', 'forfeited'),
        ('active', 'expired'), ('active', 'forfeited')))
    EXECUTE FUNCTION smart_refuse_transition();
CREATE TRIGGER bonuses_grant_frozen BEFORE UPDATE ON bonuses_grant FOR EACH ROW
    WHEN (OLD.state IN ('expired', 'cancelled', 'forfeited')
        OR OLD.units <> NEW.units OR OLD.subscriber_id <> NEW.subscriber_id OR OLD.kind <> NEW.kind
        OR OLD.month <> NEW.month OR OLD.id <> NEW.id OR OLD.terms_id <> NEW.terms_id OR OLD.source <> NEW.source
        OR OLD.issued_at <> NEW.issued_at OR OLD.activate_by <> NEW.activate_by
        OR (OLD.activated_at IS NOT NULL AND (OLD.activated_at, OLD.expires_at) IS DISTINCT FROM
            (NEW.activated_at, NEW.expires_at)))
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER bonuses_grant_kept BEFORE DELETE ON bonuses_grant FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
"""
UNDO_GRANT_RULES = """
DROP TRIGGER IF EXISTS bonuses_grant_transition ON bonuses_grant;
DROP TRIGGER IF EXISTS bonuses_grant_frozen ON bonuses_grant;
DROP TRIGGER IF EXISTS bonuses_grant_kept ON bonuses_grant;
DROP FUNCTION IF EXISTS smart_refuse_transition();
"""

# Terms are facts of the past once something was issued under them.
TERMS_RULES = """
CREATE FUNCTION smart_freeze_used_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE used bigint := CASE TG_TABLE_NAME
    WHEN 'bonuses_bonusterms' THEN (to_jsonb(OLD) ->> 'id')::bigint
    ELSE (to_jsonb(COALESCE(OLD, NEW)) ->> 'terms_id')::bigint END;
BEGIN
    -- By month, so that terms of the future meet no partition with rows.
    IF EXISTS (SELECT FROM bonuses_bonusterms t JOIN bonuses_grant g ON g.month >= t.effective_from
               WHERE t.id = used AND g.terms_id = used) THEN
        RAISE EXCEPTION '% of % is refused: bonuses were issued under these terms', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER bonuses_bonusterms_frozen BEFORE UPDATE OR DELETE ON bonuses_bonusterms
    FOR EACH ROW EXECUTE FUNCTION smart_freeze_used_terms();
CREATE TRIGGER bonuses_payableservice_frozen BEFORE INSERT OR UPDATE OR DELETE ON bonuses_payableservice
    FOR EACH ROW EXECUTE FUNCTION smart_freeze_used_terms();
"""
UNDO_TERMS_RULES = """
DROP TRIGGER IF EXISTS bonuses_bonusterms_frozen ON bonuses_bonusterms;
DROP TRIGGER IF EXISTS bonuses_payableservice_frozen ON bonuses_payableservice;
DROP FUNCTION IF EXISTS smart_freeze_used_terms();
"""


class Migration(migrations.Migration):
    """Partition by month what grows by the month; make the ledger append-only (B12) and guard the grants."""

    dependencies = [("bonuses", "0001_initial"), ("access", "0002_protect")]
    operations = [
        migrations.RunPython(partition, migrations.RunPython.noop),
        migrations.RunSQL(
            OWN_MONTH, "ALTER TABLE bonuses_grant DROP CONSTRAINT IF EXISTS grant_activated_in_its_month"
        ),
        migrations.RunSQL(GRANT_RULES, UNDO_GRANT_RULES),
        migrations.RunSQL(TERMS_RULES, UNDO_TERMS_RULES),
        migrations.RunSQL(append_only.protect("bonuses_ledgerentry"), append_only.unprotect("bonuses_ledgerentry")),
        migrations.RunSQL(append_only.protect("bonuses_debit"), append_only.unprotect("bonuses_debit")),
        migrations.RunSQL(
            "".join(
                partitions.refuse_truncate_sql(f"{t}_default") + ";" for t in ("bonuses_ledgerentry", "bonuses_debit")
            ),
            "",
        ),
    ]
