"""Requests per key and minute, right across processes and threads."""

from billing.api.ratelimit.limiter import Limiter, Rate, limiter

__all__ = ["Limiter", "Rate", "limiter"]
