import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What was shown to the second person is what was proposed: content never changes, and what is decided stays.
RULES = """
CREATE FUNCTION smart_keep_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE decision text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'answer'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting' OR to_jsonb(OLD) - decision <> to_jsonb(NEW) - decision THEN
        RAISE EXCEPTION '% of a proposal is refused: it is decided once, and nothing else of it changes', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER access_proposal_kept BEFORE UPDATE OR DELETE ON access_proposal
    FOR EACH ROW EXECUTE FUNCTION smart_keep_proposal();
CREATE TRIGGER access_proposal_no_truncate BEFORE TRUNCATE ON access_proposal
    FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change();
"""
UNDO_RULES = """
DROP TRIGGER IF EXISTS access_proposal_no_truncate ON access_proposal;
DROP TRIGGER IF EXISTS access_proposal_kept ON access_proposal;
DROP FUNCTION IF EXISTS smart_keep_proposal();
"""


class Migration(migrations.Migration):
    """Changes that wait for a second person (ADR 0027)."""

    dependencies = [
        ("access", "0005_networks_in_words"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("subject", models.CharField(max_length=80, verbose_name="subject")),
                ("before", models.JSONField(verbose_name="before")),
                ("after", models.JSONField(verbose_name="after")),
                ("forecast", models.JSONField(verbose_name="forecast")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("proposed_at", models.DateTimeField(verbose_name="proposed at")),
                ("lapses_at", models.DateTimeField(verbose_name="lapses at")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("confirmed", "confirmed"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                            ("lapsed", "lapsed"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                ("answer", models.CharField(blank=True, max_length=300, verbose_name="answer")),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="decided by",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="proposed by",
                    ),
                ),
            ],
            options={
                "verbose_name": "proposal",
                "verbose_name_plural": "proposals",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["lapses_at"], name="proposal_lapsing"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("decided_by", None), ("state", "waiting")),
                            models.Q(
                                models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                                ("decided_at__lt", models.F("lapses_at")),
                                ("state", "confirmed"),
                            ),
                            models.Q(
                                models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                                ("state", "refused"),
                            ),
                            models.Q(
                                models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                                ("decided_by", models.F("proposed_by")),
                                ("state", "withdrawn"),
                            ),
                            models.Q(
                                ("decided_at", models.F("lapses_at")),
                                ("decided_at__isnull", False),
                                ("decided_by", None),
                                ("state", "lapsed"),
                            ),
                            _connector="OR",
                        ),
                        name="proposal_state_tells_its_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["confirmed", "refused"]), _negated=True),
                            models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="proposal_decided_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lapses_at__gt", models.F("proposed_at"))), name="proposal_lapses_later"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("before", models.F("after")), _negated=True),
                        name="proposal_changes_something",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")), fields=("kind", "subject"), name="proposal_one_waits"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO_RULES),
    ]
