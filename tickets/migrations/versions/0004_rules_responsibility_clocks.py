"""what rules, responsibility and clocks keep of a ticket; desk versions; whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'

Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('contacts', sa.Column('tags', sa.Text(), nullable=True))
    for name, kind in (
        ('fields', sa.Text()),
        ('skills', sa.Text()),
        ('sla', sa.String()),
        ('postponed_until', sa.Float()),
        ('waiting_since', sa.Float()),
        ('heard_at', sa.Float()),
        ('answered_at', sa.Float()),
        ('first_answered_at', sa.Float()),
        ('resolved_at', sa.Float()),
        ('clocks', sa.Text()),
        ('due_at', sa.Float()),
        ('sla_due_at', sa.Float()),
        ('timed_by', sa.String()),
    ):
        op.add_column('tickets', sa.Column(name, kind, nullable=True))
    for name in ('status_since', 'agent_since'):  # with a default: SQLite cannot make a column NOT NULL later
        op.add_column('tickets', sa.Column(name, sa.Float(), nullable=False, server_default='0'))
    # What is known of the tickets there are: the clock makes due times of it when the desk has promises.
    op.execute("UPDATE tickets SET status_since = updated_at, agent_since = updated_at, heard_at = updated_at")
    op.execute("UPDATE tickets SET waiting_since = updated_at WHERE status IN ('new', 'open')")
    op.execute("UPDATE tickets SET resolved_at = updated_at WHERE status IN ('resolved', 'closed')")
    answered = ("(SELECT {}(at) FROM events WHERE events.ticket_id = tickets.id AND events.name = 'ticket.answered')")
    op.execute(f"UPDATE tickets SET first_answered_at = {answered.format('min')}, answered_at = {answered.format('max')}")
    ticking = sa.text('due_at IS NOT NULL')
    op.create_index('tickets_due', 'tickets', ['due_at'], sqlite_where=ticking, postgresql_where=ticking)
    working = sa.text("status IN ('new', 'open')")
    urgency = ['sla_due_at', 'priority', 'waiting_since', 'id']
    op.create_index('tickets_working', 'tickets', ['agent', 'department', *urgency], sqlite_where=working, postgresql_where=working)
    op.create_index('tickets_contact', 'tickets', ['contact_id', 'id'])
    op.create_index('tickets_timed', 'tickets', ['timed_by', 'status'])
    with op.batch_alter_table('decisions') as batch:
        batch.alter_column('inbox_id', existing_type=Id, nullable=True)
    op.add_column('decisions', sa.Column('events_from', Id, nullable=True))
    op.add_column('decisions', sa.Column('events_to', Id, nullable=True))
    op.add_column('presence', sa.Column('noted', sa.Float(), nullable=True))
    op.execute('UPDATE presence SET noted = since')
    op.create_table('desk_versions',
    sa.Column('version', sa.String(), primary_key=True),
    sa.Column('rules', sa.Text(), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    )
    op.create_table('turns',
    sa.Column('department', sa.String(), primary_key=True),
    sa.Column('agent', sa.String(), primary_key=True),
    sa.Column('at', sa.Float(), nullable=False),
    )
    op.create_table('tokens',
    sa.Column('hash', sa.String(), primary_key=True),
    sa.Column('agent', sa.String(), nullable=False),
    sa.Column('made_at', sa.Float(), nullable=False),
    )
    op.create_index('tokens_agent', 'tokens', ['agent'])
    op.add_column('outbox', sa.Column('payload', sa.Text(), nullable=True))
    automatic = sa.text("event = 'ticket.auto_answered'")
    op.create_index('outbox_automatic', 'outbox', ['address', 'created_at'], sqlite_where=automatic, postgresql_where=automatic)
