"""The only package that talks to Stripe."""
