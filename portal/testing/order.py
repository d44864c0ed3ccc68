"""Which test files come first: what starts late and takes long keeps the other processes waiting at the end."""

# Those that take longest, the longest first.
LONGEST = (
    "portal/tests/test_run.py",
    "integrations/test_two_servers.py",
    "integrations/test_served_document.py",
    "portal/tests/integrations/",  # one after another: a process of ours that goes on with them keeps its portal
    "overview/tests/browser/test_states.py",
    "portal/tests/test_backups.py",
    "browser/test_account_pages.py",
    "test_three_years_at_stripe.py",
    "portal/tests/test_killed_server.py",
    "browser/test_looks.py",
    "packs/tests/browser/test_buying.py",
)
# Processes, browsers and years also take longer than what is left.
LONG = ("portal/tests/", "/browser/", "portal/demo/", "test_three_years", "test_tampering", "test_state_machine")


def place(nodeid: str) -> int:
    """The lower, the earlier."""
    for number, part in enumerate((*LONGEST, *LONG)):
        if part in nodeid:
            return min(number, len(LONGEST))
    return len(LONGEST) + 1
