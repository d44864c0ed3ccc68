"""A look for top-ups that are due, as a process of its own: `python -m billing.packs.autotopup.tests.sweeper`."""

import django

if __name__ == "__main__":
    django.setup()
    from billing.foundation.due.registry import run_due
    from billing.packs.autotopup.hints import JOB

    (run,) = run_due(only=JOB)
    raise SystemExit(run.error or 0)
