"""conversations, answers that go out, files, errands, presence."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'

Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('entries', sa.Column('conversation', sa.String(), nullable=True))
    op.add_column('entries', sa.Column('seq', sa.Integer(), nullable=True))
    op.add_column('entries', sa.Column('state', sa.String(), nullable=True))
    op.add_column('entries', sa.Column('trouble', sa.Text(), nullable=True))
    op.add_column('entries', sa.Column('deleted_at', sa.Float(), nullable=True))
    placed = sa.text('seq IS NOT NULL')
    op.create_index('entries_conversation', 'entries', ['conversation', 'seq'], unique=True,
                    sqlite_where=placed, postgresql_where=placed)
    op.create_index('entries_said', 'entries', ['conversation', 'external_id'],
                    sqlite_where=placed, postgresql_where=placed)
    op.create_table('conversations',
    sa.Column('key', sa.String(), primary_key=True),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('customer', sa.Text(), nullable=False),
    sa.Column('ticket_id', Id, sa.ForeignKey('tickets.id'), nullable=False),
    sa.Column('answers', sa.Text(), nullable=True),
    sa.Column('handle', sa.Text(), nullable=False),
    sa.Column('heard_at', sa.Float(), nullable=False),
    sa.Column('answer_until', sa.Float(), nullable=True),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('seen', sa.Integer(), nullable=False),
    sa.Column('mail_address', sa.Text(), nullable=True),
    sa.Column('mail_only', sa.Integer(), nullable=False),
    sa.Column('waits_until', sa.Float(), nullable=True),
    )
    op.create_index('conversations_ticket', 'conversations', ['ticket_id'])
    ending = sa.text('answer_until IS NOT NULL')
    op.create_index('conversations_ending', 'conversations', ['answer_until'],
                    sqlite_where=ending, postgresql_where=ending)
    calling = sa.text('waits_until IS NOT NULL')
    op.create_index('conversations_waiting', 'conversations', ['waits_until'],
                    sqlite_where=calling, postgresql_where=calling)
    op.create_table('pieces',
    sa.Column('space', sa.String(), primary_key=True),
    sa.Column('external_id', sa.String(), primary_key=True),
    sa.Column('outbox_id', Id, nullable=False),
    sa.Column('entry_id', Id, sa.ForeignKey('entries.id'), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('sent_at', sa.Float(), nullable=False),
    )
    op.create_index('pieces_outbox', 'pieces', ['outbox_id', 'place'])
    op.create_index('pieces_entry', 'pieces', ['entry_id'])
    op.create_table('files',
    sa.Column('id', sa.String(), primary_key=True),
    sa.Column('stored', sa.String(), nullable=False),
    sa.Column('filename', sa.Text(), nullable=False),
    sa.Column('content_type', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('entry_id', Id, sa.ForeignKey('entries.id'), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    )
    op.create_index('files_stored', 'files', ['stored'])
    op.create_index('files_entry', 'files', ['entry_id'])
    op.create_table('errands',
    sa.Column('id', Id, primary_key=True, autoincrement=True),
    sa.Column('entry_id', Id, sa.ForeignKey('entries.id'), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.Float(), nullable=False),
    sa.Column('not_before', sa.Float(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    )
    op.create_index('errands_entry', 'errands', ['entry_id'])
    asked = sa.text("state = 'pending'")
    op.create_index('errands_due', 'errands', ['due_at'], sqlite_where=asked, postgresql_where=asked)
    op.create_table('presence',
    sa.Column('agent', sa.String(), primary_key=True),
    sa.Column('away', sa.Integer(), nullable=False),
    sa.Column('since', sa.Float(), nullable=False),
    )
