from django.db import migrations

# What an offer says and to whom; its way, and who judged it, are other columns.
_SAYS = (
    "partner_id", "title_kk", "title_ru", "title_en", "text_kk", "text_ru", "text_en", "category_id", "interests",
    "towns", "discount", "valid_from", "valid_to", "channels", "min_age", "codes", "shared_code", "uses", "phone",
    "url", "digest",
)  # fmt: skip
_OLD, _NEW = (", ".join(f"{row}.{name}" for name in _SAYS) for row in ("OLD", "NEW"))
APPROVED = f"""
CREATE FUNCTION smart_refuse_unapproved_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: what is % says what was approved', TG_TABLE_NAME, NEW.state
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER campaigns_offer_says_what_was_approved BEFORE UPDATE ON campaigns_offer FOR EACH ROW
    WHEN (NEW.state IN ('approved', 'live', 'ended') AND ({_OLD}) IS DISTINCT FROM ({_NEW}))
    EXECUTE FUNCTION smart_refuse_unapproved_text();
"""
UNDO = """
DROP TRIGGER IF EXISTS campaigns_offer_says_what_was_approved ON campaigns_offer;
DROP FUNCTION IF EXISTS smart_refuse_unapproved_text();
"""


class Migration(migrations.Migration):
    """What is approved, live or ended says what was approved: another text goes back to approval first."""

    dependencies = [("campaigns", "0006_uploads_confirmed")]
    operations = [migrations.RunSQL(APPROVED, UNDO)]
