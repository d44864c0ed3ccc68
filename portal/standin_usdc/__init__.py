"""A local stand-in for USDC: an x402 facilitator and a network of one token, for the demo and the tests. See README.md.

It knows of the portal only which token is meant, and which address the portal is paid at while it stands in.
"""
