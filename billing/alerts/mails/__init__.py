"""Mails about what has happened in a workspace: credits that came or will expire, keys, people."""
