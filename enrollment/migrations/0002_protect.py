from django.db import migrations

from core.lib import append_only

FREEZE_TEXT = """
CREATE TRIGGER enrollment_consenttext_frozen BEFORE UPDATE OR DELETE ON enrollment_consenttext
    FOR EACH ROW WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION smart_refuse_change();
"""
THAW_TEXT = "DROP TRIGGER IF EXISTS enrollment_consenttext_frozen ON enrollment_consenttext"

# A stay that has ended does not begin again: rejoining is another row.
FREEZE_MEMBERSHIP = """
CREATE TRIGGER enrollment_membership_ended BEFORE UPDATE OR DELETE ON enrollment_membership
    FOR EACH ROW WHEN (OLD.left_at IS NOT NULL) EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER enrollment_membership_kept BEFORE DELETE ON enrollment_membership
    FOR EACH ROW EXECUTE FUNCTION smart_refuse_change();
"""
THAW_MEMBERSHIP = """
DROP TRIGGER IF EXISTS enrollment_membership_ended ON enrollment_membership;
DROP TRIGGER IF EXISTS enrollment_membership_kept ON enrollment_membership;
"""


class Migration(migrations.Migration):
    """Consent records are append-only (J3), published consent texts and ended memberships frozen."""

    dependencies = [("enrollment", "0001_initial"), ("access", "0002_protect")]
    operations = [
        migrations.RunSQL(
            append_only.protect("enrollment_consentevent"), append_only.unprotect("enrollment_consentevent")
        ),
        migrations.RunSQL(FREEZE_TEXT, THAW_TEXT),
        migrations.RunSQL(FREEZE_MEMBERSHIP, THAW_MEMBERSHIP),
    ]
