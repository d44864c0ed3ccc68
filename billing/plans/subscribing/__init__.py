"""Who pays for which plan through Stripe: shown before it is done, done once, and followed as Stripe says."""
