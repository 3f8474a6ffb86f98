"""first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint("kind IN ('receivable', 'revenue', 'tax-payable')", name="kind_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_account_counterparty_id"), "account", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_account_organisation_id"), "account", ["organisation_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("wall_at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("object", sa.String(length=160), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_correlation_id"), "audit", ["correlation_id"], unique=False)
    op.create_index(op.f("ix_audit_object"), "audit", ["object"], unique=False)
    op.create_index(op.f("ix_audit_organisation_id"), "audit", ["organisation_id"], unique=False)
    op.create_table(
        "clock_seen",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("setting", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "contract",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("tariff_id", sa.String(length=64), nullable=False),
        sa.Column("service_mode", sa.String(length=64), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_contract_counterparty_id"), "contract", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_contract_organisation_id"), "contract", ["organisation_id"], unique=False)
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=512), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("dead_letter_reason", "dead_letter", ["reason"], unique=False)
    op.create_table(
        "inbox_cursor",
        sa.Column("producer", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("producer"),
    )
    op.create_table(
        "invoice",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("tariff_id", sa.String(length=64), nullable=False),
        sa.Column("tariff_zh", sa.String(length=200), nullable=False),
        sa.Column("tariff_en", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("tax_rate", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("draft_key", sa.String(length=160), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=64), nullable=True),
        sa.Column("service_start", sa.BigInteger(), nullable=False),
        sa.Column("service_end", sa.BigInteger(), nullable=False),
        sa.Column("invoice_at", sa.BigInteger(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=True),
        sa.Column("post_at", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.Column("corrects_id", sa.String(length=64), nullable=True),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("state IN ('DRAFT', 'ISSUED', 'POSTED', 'VOIDED', 'REVERSED')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("draft_key", name="invoice_one_draft"),
        sa.UniqueConstraint("organisation_id", "serial", name="invoice_serial"),
    )
    op.create_index("invoice_due", "invoice", ["state", "invoice_at"], unique=False)
    op.create_index("invoice_period", "invoice", ["contract_id", "service_start"], unique=False)
    op.create_index(op.f("ix_invoice_counterparty_id"), "invoice", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_invoice_organisation_id"), "invoice", ["organisation_id"], unique=False)
    op.create_table(
        "invoice_line",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("price", sa.JSON(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("quantity_before", sa.BigInteger(), nullable=False),
        sa.Column("estimated_quantity", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invoice_id", "meter", name="invoice_line_meter"),
    )
    op.create_index(op.f("ix_invoice_line_counterparty_id"), "invoice_line", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_invoice_line_organisation_id"), "invoice_line", ["organisation_id"], unique=False)
    op.create_table(
        "message_count",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("type", sa.String(length=160), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=True),
        sa.Column("organisation_id", sa.String(length=64), nullable=True),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_outbox_correlation_id"), "outbox", ["correlation_id"], unique=False)
    op.create_index(op.f("ix_outbox_organisation_id"), "outbox", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_outbox_recorded"), "outbox", ["recorded"], unique=False)
    op.create_index(op.f("ix_outbox_subject"), "outbox", ["subject"], unique=False)
    op.create_table(
        "outbox_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "quarantine",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("usage_id", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "event_id", "fingerprint", name="quarantine_identity"),
    )
    op.create_index(op.f("ix_quarantine_counterparty_id"), "quarantine", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_quarantine_organisation_id"), "quarantine", ["organisation_id"], unique=False)
    op.create_table(
        "tariff",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("tax_rate", sa.String(), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tariff_organisation_id"), "tariff", ["organisation_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=160), nullable=False),
        sa.Column("debit", sa.String(length=200), nullable=False),
        sa.Column("credit", sa.String(length=200), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("pending_id", sa.String(length=160), nullable=True),
        sa.Column("reverses_id", sa.String(length=160), nullable=True),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("service_mode", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("phase IN ('single', 'pending', 'post', 'void')", name="phase_known"),
        sa.CheckConstraint("amount_minor > 0", name="transfer_amount_positive"),
        sa.CheckConstraint("debit <> credit", name="transfer_two_accounts"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pending_id", name="transfer_settled_once"),
        sa.UniqueConstraint("reverses_id", name="transfer_reversed_once"),
    )
    op.create_index(op.f("ix_transfer_counterparty_id"), "transfer", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_transfer_credit"), "transfer", ["credit"], unique=False)
    op.create_index(op.f("ix_transfer_debit"), "transfer", ["debit"], unique=False)
    op.create_index(op.f("ix_transfer_invoice_id"), "transfer", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_transfer_organisation_id"), "transfer", ["organisation_id"], unique=False)
    op.create_table(
        "usage",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("counterparty_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("contract_id", sa.String(length=64), nullable=True),
        sa.Column("invoice_id", sa.String(length=64), nullable=True),
        sa.Column("line_id", sa.String(length=64), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("state IN ('PLACED', 'INCLUDED', 'UNBILLED')", name="state_known"),
        sa.CheckConstraint("quantity >= 0", name="usage_quantity_positive"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "source", "event_id", name="usage_identity"),
    )
    op.create_index(op.f("ix_usage_counterparty_id"), "usage", ["counterparty_id"], unique=False)
    op.create_index(op.f("ix_usage_organisation_id"), "usage", ["organisation_id"], unique=False)
    op.create_index("usage_line", "usage", ["line_id", "id"], unique=False)
    op.create_index("usage_state", "usage", ["state", "reason", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "usage",
        "transfer",
        "tariff",
        "quarantine",
        "outbox_head",
        "outbox",
        "message_count",
        "invoice_line",
        "invoice",
        "inbox_cursor",
        "dead_letter",
        "contract",
        "clock_seen",
        "audit",
        "account",
    ):
        op.drop_table(table)
