"""Variables of an environment to Prefect's settings, for one run of several in a process."""

from __future__ import annotations

from collections.abc import Mapping

import prefect.settings
from prefect.context import SettingsContext, get_settings_context

__all__ = ["enter"]


def enter(variables: Mapping[str, str]) -> None:
    """Set them in the current context, with no way back: the context ends with the run.

    What is not a setting (`DO_NOT_TRACK`) is asked for by servers alone.
    """
    settings = {
        getattr(prefect.settings, name): value
        for name, value in variables.items()
        if name.startswith("PREFECT_")
    }
    around = get_settings_context()
    # Not `temporary_settings`: that ends when nobody keeps it, in whatever context that is.
    SettingsContext(
        profile=around.profile, settings=around.settings.copy_with_update(updates=settings)
    ).__enter__()
