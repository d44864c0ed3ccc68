"""dj-stripe's migrations, and beside them all its tables in one step, for databases that have none yet.

Its own way there adds and removes hundreds of columns and takes most of a minute; the step takes a second or two and
makes the same tables. How dj-stripe is upgraded stands in the step's file.
"""

import djstripe.migrations

__path__ = [*__path__, *djstripe.migrations.__path__]
