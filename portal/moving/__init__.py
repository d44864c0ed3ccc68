"""Moving in: customers, their opening balances, their customers at Stripe and usage of before, from CSV files."""
