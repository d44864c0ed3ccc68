"""A local stand-in for Stripe's API: simulated payments for the demo and the tests. See README.md.

The server knows neither Django nor the portal; of the SDK it reads only the names of parameters.
"""
