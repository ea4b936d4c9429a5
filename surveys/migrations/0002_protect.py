from django.db import migrations

PROTECT = """
CREATE FUNCTION smart_refuse_survey_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: % to % is refused', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION smart_refuse_published_question() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
BEGIN
    IF TG_TABLE_NAME = 'surveys_question' THEN
        version := CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END;
    ELSE
        SELECT version_id INTO version FROM surveys_question
        WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.question_id ELSE OLD.question_id END;
    END IF;
    IF EXISTS (SELECT FROM surveys_version WHERE id = version AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION '% of % is refused: its version is published', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER surveys_survey_transition BEFORE UPDATE ON surveys_survey FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'scheduled'), ('draft', 'cancelled'), ('scheduled', 'running'), ('scheduled', 'cancelled'),
        ('scheduled', 'paused'), ('running', 'paused'), ('paused', 'running'), ('paused', 'scheduled'),
        ('running', 'finished'), ('running', 'cancelled'), ('paused', 'cancelled'), ('paused', 'finished')))
    EXECUTE FUNCTION smart_refuse_survey_transition();
CREATE TRIGGER surveys_survey_kept BEFORE DELETE ON surveys_survey FOR EACH ROW
    WHEN (OLD.state <> 'draft') EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER surveys_version_frozen BEFORE UPDATE OR DELETE ON surveys_version FOR EACH ROW
    WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER surveys_question_frozen BEFORE INSERT OR UPDATE OR DELETE ON surveys_question FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_published_question();
CREATE TRIGGER surveys_choice_frozen BEFORE INSERT OR UPDATE OR DELETE ON surveys_choice FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_published_question();
CREATE TRIGGER surveys_response_transition BEFORE UPDATE ON surveys_response FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND OLD.state <> 'started')
    EXECUTE FUNCTION smart_refuse_survey_transition();
CREATE TRIGGER surveys_response_paid_once BEFORE UPDATE ON surveys_response FOR EACH ROW
    WHEN (OLD."grant" IS NOT NULL AND (NEW."grant", NEW.units) IS DISTINCT FROM (OLD."grant", OLD.units))
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER surveys_response_kept BEFORE DELETE ON surveys_response FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER surveys_answer_kept BEFORE UPDATE ON surveys_answer FOR EACH ROW
    EXECUTE FUNCTION smart_refuse_change();
"""
UNDO = """
DROP TRIGGER IF EXISTS surveys_survey_transition ON surveys_survey;
DROP TRIGGER IF EXISTS surveys_survey_kept ON surveys_survey;
DROP TRIGGER IF EXISTS surveys_version_frozen ON surveys_version;
DROP TRIGGER IF EXISTS surveys_question_frozen ON surveys_question;
DROP TRIGGER IF EXISTS surveys_choice_frozen ON surveys_choice;
DROP TRIGGER IF EXISTS surveys_response_transition ON surveys_response;
DROP TRIGGER IF EXISTS surveys_response_paid_once ON surveys_response;
DROP TRIGGER IF EXISTS surveys_response_kept ON surveys_response;
DROP TRIGGER IF EXISTS surveys_answer_kept ON surveys_answer;
DROP FUNCTION IF EXISTS smart_refuse_published_question();
DROP FUNCTION IF EXISTS smart_refuse_survey_transition();
"""


class Migration(migrations.Migration):
    """Surveys go only where they may; what was published, answered or paid never changes."""

    dependencies = [("surveys", "0001_initial"), ("access", "0002_protect")]
    operations = [migrations.RunSQL(PROTECT, UNDO)]
