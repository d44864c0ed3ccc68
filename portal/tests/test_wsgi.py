import subprocess
import sys

SEEN = """
import gc, sys
from portal.wsgi import application
print(gc.get_freeze_count() > 50_000, gc.get_threshold(), gc.isenabled(), "billing.api.service" in sys.modules)
"""


def test_a_web_process_has_loaded_its_routes_and_keeps_the_garbage_collector_from_them() -> None:
    found = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True (20000, 10, 10) True True"
