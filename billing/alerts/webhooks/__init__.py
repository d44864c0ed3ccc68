"""Outbound webhooks: events of a workspace, signed by Standard Webhooks, to the addresses that its owners chose."""
