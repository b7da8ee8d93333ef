"""The compiled build of the entropy coding, whatever the environment selects."""

import pytest

from captiond.imaging.jpeg.native import INTERPRETED, default_build

with pytest.MonkeyPatch.context() as _patch:
    _patch.delenv("CAPTIOND_NATIVE", raising=False)
    default_build.cache_clear()
    NATIVE = default_build()
default_build.cache_clear()

needs_compiled = pytest.mark.skipif(NATIVE is INTERPRETED, reason="the decoder was not compiled")
needs_default = pytest.mark.skipif(
    default_build() is INTERPRETED, reason="not possible here: the interpreted decoder is selected"
)
