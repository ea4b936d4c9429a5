"""SQL that makes a table append-only: UPDATE, DELETE and TRUNCATE are refused by the database itself."""

FUNCTION = """
CREATE OR REPLACE FUNCTION smart_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are history', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""


def protect(table: str) -> str:
    """Return the statements that protect a table's rows (for a partitioned table: TRUNCATE of the parent too)."""
    return f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION smart_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change();
"""


def unprotect(table: str) -> str:
    """Return the statements that undo protect()."""
    names = (f"{table}_append_only", f"{table}_no_truncate")
    return "".join(f"DROP TRIGGER IF EXISTS {name} ON {table};" for name in names)
