"""transfers are immutable"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ACTIONS = ("UPDATE", "DELETE")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION transfer_refuses_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'a transfer is immutable'; END $$"
        )
        op.execute(
            "CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE ON transfer "
            "FOR EACH ROW EXECUTE FUNCTION transfer_refuses_change()"
        )
        return
    for action in ACTIONS:
        op.execute(
            f"CREATE TRIGGER transfer_no_{action.lower()} BEFORE {action} ON transfer "
            "BEGIN SELECT RAISE(ABORT, 'a transfer is immutable'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER transfer_immutable ON transfer")
        op.execute("DROP FUNCTION transfer_refuses_change()")
        return
    for action in ACTIONS:
        op.execute(f"DROP TRIGGER transfer_no_{action.lower()}")
