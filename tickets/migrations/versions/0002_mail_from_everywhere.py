"""mailboxes, correlations, stored bytes, merged tickets, and facts of an entry."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'

Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('inbox', sa.Column('stored', sa.String(), nullable=True))
    op.add_column('inbox', sa.Column('topic', sa.String(), nullable=True))
    waiting = sa.text("state = 'received' AND topic IS NOT NULL")
    op.create_index('inbox_waiting_topic', 'inbox', ['topic'], sqlite_where=waiting, postgresql_where=waiting)
    blob = sa.text('stored IS NOT NULL')
    op.create_index('inbox_stored', 'inbox', ['stored'], sqlite_where=blob, postgresql_where=blob)
    op.add_column('tickets', sa.Column('merged_into', Id, nullable=True))
    op.add_column('tickets', sa.Column('addressed_to', sa.Text(), nullable=True))
    op.add_column('entries', sa.Column('facts', sa.Text(), nullable=True))
    op.create_table('mailboxes',
    sa.Column('channel', sa.String(), primary_key=True),
    sa.Column('folder', sa.String(), primary_key=True),
    sa.Column('uidvalidity', sa.BigInteger(), nullable=False),
    sa.Column('uid', sa.BigInteger(), nullable=False),
    sa.Column('history_to', sa.BigInteger(), nullable=True),
    sa.Column('began_at', sa.Float(), nullable=True),
    sa.Column('seen_at', sa.Float(), nullable=True),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('checked_at', sa.Float(), nullable=True),
    sa.Column('holes', sa.Integer(), nullable=False),
    sa.Column('holder', sa.String(), nullable=True),
    sa.Column('held_until', sa.Float(), nullable=True),
    )
    op.create_table('mailbox_uids',
    sa.Column('channel', sa.String(), primary_key=True),
    sa.Column('folder', sa.String(), primary_key=True),
    sa.Column('uidvalidity', sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column('uid', sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column('inbox_id', Id, sa.ForeignKey('inbox.id'), nullable=True),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('owed', sa.String(), nullable=True),
    )
    op.create_table('correlations',
    sa.Column('name', sa.String(), primary_key=True),
    sa.Column('key', sa.String(), primary_key=True),
    sa.Column('ticket_id', Id, sa.ForeignKey('tickets.id'), nullable=False),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.Column('first_at', sa.Float(), nullable=False),
    sa.Column('last_at', sa.Float(), nullable=False),
    sa.Column('last_inbox', Id, nullable=False),
    )
    op.create_table('secrets',
    sa.Column('name', sa.String(), primary_key=True),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    )
