"""Moving in: customers, their opening balances and their customers at Stripe, from CSV files."""
