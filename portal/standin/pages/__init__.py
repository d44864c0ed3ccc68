"""The pages of simulated payments, under the portal's own origin: Checkout, 3-D Secure, customer portal, invoice."""
