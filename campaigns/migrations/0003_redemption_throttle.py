from django.db import migrations

# For how long each caller of a partner's has yet to pay for its wrong codes, and ("") all of them together: minutes of
# memory that a crash may forget, so UNLOGGED; only campaigns/codes/throttle.py reads and writes it, so it has no model.
TABLE = """
CREATE UNLOGGED TABLE campaigns_guess (
    partner_id bigint NOT NULL,
    caller varchar(80) NOT NULL,
    paid_until timestamptz NOT NULL,
    PRIMARY KEY (partner_id, caller)
);
"""


class Migration(migrations.Migration):
    """Wrong codes are counted in the database, so that all processes count together."""

    dependencies = [("campaigns", "0002_protect")]
    operations = [migrations.RunSQL(TABLE, "DROP TABLE IF EXISTS campaigns_guess")]
