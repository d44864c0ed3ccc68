"""Migrations without building models anew for every constraint and index.

Beside the description of each moment Django keeps model classes. Whenever one changes it builds that class anew and all
that are related to it, thirty on average, which is nearly all the work of migrating a new database. No other class
knows which constraints and indexes a class has: these are changed where they are.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from django.db.migrations.state import ProjectState

# Of constraints and indexes: ProjectState's own names, in the pinned version of Django.
CHANGES = ("_append_option", "_remove_option", "_alter_option")


@contextmanager
def options_in_place() -> Iterator[None]:
    """In this process, for the time of a migration."""
    with ExitStack() as patches:
        for name in CHANGES:
            patches.enter_context(patch.object(ProjectState, name, _in_place(getattr(ProjectState, name))))
        yield


def _in_place(describe: Callable[..., None]) -> Callable[..., None]:
    def change(state: ProjectState, app_label: str, model_name: str, option: str, *rest: Any) -> None:
        classes = vars(state).pop("apps", None)  # without them only the description changes
        describe(state, app_label, model_name, option, *rest)
        if classes is None:
            return
        vars(state)["apps"] = classes
        meta = classes.get_model(app_label, model_name)._meta
        values = list(state.models[app_label, model_name].options[option])
        setattr(meta, option, values)
        meta.original_attrs[option] = values
        vars(meta).pop("total_unique_constraints", None)  # is kept, and not among the caches that Django clears

    return change
