"""WSGI entry point."""

import gc
import os
from importlib import import_module

gc.disable()  # loading leaves no garbage; see portal.apps

from django.core.wsgi import get_wsgi_application  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
usual = get_wsgi_application()
gc.disable()  # there is more to load

from django.conf import settings  # noqa: E402 - once they are configured

from billing.api.shortway import ShortWay  # noqa: E402 - it imports models, which Django has just loaded

application = ShortWay(usual)

# What every request needs is loaded now and never looked at by the garbage collector again; and a batch, which makes
# ten thousands of objects that are all in use, does not send it through them dozens of times. Together that was a
# quarter of a batch. Reference counting frees nearly everything; what goes in circles waits a little longer.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)
gc.enable()
