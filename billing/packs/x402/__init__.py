"""Credits for USDC over x402: an agent with a wallet and no card tops up by itself."""
