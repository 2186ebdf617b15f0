"""Conversations over SMTP and LMTP, written down as they are spoken."""
