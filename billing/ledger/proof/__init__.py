"""Prove my balance: a workspace's whole ledger as a file, and the script that recomputes it (docs/proof.md)."""
