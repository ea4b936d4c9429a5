from django.db import migrations

from core.lib import append_only

# The WHEN clauses are evaluated without entering PL/pgSQL: a legal update costs next to nothing.
TRANSITIONS = """
CREATE FUNCTION smart_refuse_campaign_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: % to % is refused', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER campaigns_offer_transition BEFORE UPDATE ON campaigns_offer FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'submitted'), ('submitted', 'draft'), ('submitted', 'approved'), ('submitted', 'rejected'),
        ('rejected', 'submitted'), ('rejected', 'draft'), ('approved', 'live'), ('approved', 'submitted'),
        ('approved', 'ended'), ('live', 'ended'), ('live', 'submitted')))
    EXECUTE FUNCTION smart_refuse_campaign_transition();
CREATE TRIGGER campaigns_offer_ended BEFORE UPDATE ON campaigns_offer FOR EACH ROW
    WHEN (OLD.state = 'ended') EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER campaigns_offer_kept BEFORE DELETE ON campaigns_offer FOR EACH ROW
    WHEN (OLD.state <> 'draft') EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER campaigns_campaign_transition BEFORE UPDATE ON campaigns_campaign FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'scheduled'), ('draft', 'cancelled'), ('scheduled', 'running'), ('scheduled', 'cancelled'),
        ('scheduled', 'paused'), ('running', 'paused'), ('paused', 'running'), ('paused', 'scheduled'),
        ('running', 'finished'), ('running', 'cancelled'), ('paused', 'cancelled'), ('paused', 'finished')))
    EXECUTE FUNCTION smart_refuse_campaign_transition();
CREATE TRIGGER campaigns_campaign_kept BEFORE DELETE ON campaigns_campaign FOR EACH ROW
    WHEN (OLD.state <> 'draft') EXECUTE FUNCTION smart_refuse_change();
"""
UNDO = """
DROP TRIGGER IF EXISTS campaigns_offer_transition ON campaigns_offer;
DROP TRIGGER IF EXISTS campaigns_offer_ended ON campaigns_offer;
DROP TRIGGER IF EXISTS campaigns_offer_kept ON campaigns_offer;
DROP TRIGGER IF EXISTS campaigns_campaign_transition ON campaigns_campaign;
DROP TRIGGER IF EXISTS campaigns_campaign_kept ON campaigns_campaign;
DROP FUNCTION IF EXISTS smart_refuse_campaign_transition();
"""


class Migration(migrations.Migration):
    """Offers and campaigns go only where they may; their steps and redemptions are history."""

    dependencies = [("campaigns", "0001_initial"), ("access", "0002_protect")]
    operations = [
        migrations.RunSQL(TRANSITIONS, UNDO),
        migrations.RunSQL(append_only.protect("campaigns_offerevent"), append_only.unprotect("campaigns_offerevent")),
        migrations.RunSQL(append_only.protect("campaigns_redemption"), append_only.unprotect("campaigns_redemption")),
    ]
