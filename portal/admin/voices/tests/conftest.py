from billing.voices.tests.conftest import active, plan, priced, staff, store_root

__all__ = ["active", "plan", "priced", "staff", "store_root"]
