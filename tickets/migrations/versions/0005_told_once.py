"""who is told how: preferences, followers, pauses, devices, Slack cards, ratings, what was done once."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'

Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    for name, kind in (
        ('word', sa.String()),
        ('whose', sa.String()),
        ('bundle', sa.String()),
        ('held', sa.Text()),
        ('seen_at', sa.Float()),
        ('look_at', sa.Float()),
    ):
        op.add_column('outbox', sa.Column(name, kind, nullable=True))
    for name, columns, where in (
        (
            'outbox_unread',
            ['recipient', 'notifier', 'seen_at', 'id'],
            "notifier = 'in_app' AND state = 'sent' AND seen_at IS NULL",
        ),
        ('outbox_told', ['recipient', 'notifier', 'sent_at'], "state = 'sent'"),
        ('outbox_unseen', ['look_at'], 'look_at IS NOT NULL'),
        ('outbox_bundled', ['bundle'], "state = 'pending' AND bundle IS NOT NULL"),
        ('outbox_automatic_at', ['created_at'], "event = 'ticket.auto_answered'"),
    ):
        op.create_index(name, 'outbox', columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table('preferences',
    sa.Column('agent', sa.String(), primary_key=True),
    sa.Column('chosen', sa.Text(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.Float(), nullable=False),
    )
    op.create_table('followers',
    sa.Column('ticket_id', Id, sa.ForeignKey('tickets.id'), primary_key=True),
    sa.Column('agent', sa.String(), primary_key=True),
    sa.Column('since', sa.Float(), nullable=False),
    )
    op.create_table('pauses',
    sa.Column('agent', sa.String(), primary_key=True),
    sa.Column('way', sa.String(), primary_key=True),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('since', sa.Float(), nullable=False),
    )
    op.create_table('devices',
    sa.Column('id', Id, primary_key=True, autoincrement=True),
    sa.Column('agent', sa.String(), nullable=False),
    sa.Column('endpoint', sa.Text(), nullable=False, unique=True),
    sa.Column('p256dh', sa.String(), nullable=False),
    sa.Column('auth', sa.String(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('made_at', sa.Float(), nullable=False),
    )
    op.create_index('devices_agent', 'devices', ['agent'])
    op.create_table('cards',
    sa.Column('id', Id, primary_key=True, autoincrement=True),
    sa.Column('ticket_id', Id, sa.ForeignKey('tickets.id'), nullable=False),
    sa.Column('place', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('ts', sa.String(), nullable=False),
    sa.Column('shown', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.Float(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.UniqueConstraint('ticket_id', 'place', name='cards_once'),
    )
    op.create_index('cards_message', 'cards', ['channel', 'ts'])
    behind = sa.text('due_at IS NOT NULL')
    op.create_index('cards_due', 'cards', ['due_at'], sqlite_where=behind, postgresql_where=behind)
    op.create_table('once',
    sa.Column('key', sa.String(), primary_key=True),
    sa.Column('at', sa.Float(), nullable=False),
    )
    op.create_index('once_at', 'once', ['at'])
    op.create_table('ratings',
    sa.Column('id', Id, primary_key=True, autoincrement=True),
    sa.Column('ticket_id', Id, sa.ForeignKey('tickets.id'), nullable=False),
    sa.Column('resolved_at', sa.Float(), nullable=False),
    sa.Column('asked_at', sa.Float(), nullable=True),
    sa.Column('department', sa.String(), nullable=False),
    sa.Column('agent', sa.String(), nullable=True),
    sa.Column('score', sa.String(), nullable=True),
    sa.Column('comment', sa.Text(), nullable=True),
    sa.Column('rated_at', sa.Float(), nullable=True),
    sa.Column('changed_at', sa.Float(), nullable=True),
    sa.UniqueConstraint('ticket_id', 'resolved_at', name='ratings_once'),
    )
