"""What a subscription gives in each period, and when. README.md of billing.plans has the rules."""
