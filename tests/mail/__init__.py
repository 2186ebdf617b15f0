"""Mails: what their bytes say."""
