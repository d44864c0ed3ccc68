"""/healthz, /readyz and /metrics: asked by machines, before sessions, hosts and redirects matter."""
