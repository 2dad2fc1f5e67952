"""How many examples a property test draws: all in .ci/run, a fifth while one works.

`pytest --hypothesis-profile=ci` draws all of them, and the same ones each time.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

__all__ = ["examples", "register"]


def register() -> None:
    """Draw few examples, unless this is CI, for which Hypothesis has a profile of its own."""
    # A machine that others use as well is slow: that is not what is tested.
    slow = [HealthCheck.too_slow]
    settings.register_profile("quick", max_examples=20, deadline=None, suppress_health_check=slow)
    if not os.environ.get("CI"):
        settings.load_profile("quick")


def examples(many: int, **more: Any) -> settings:
    """Settings of a test that draws `many` in .ci/run, where others draw a hundred."""
    return settings(max_examples=max(5, many * settings.default.max_examples // 100), **more)
