"""Scripts that are written without spaces between words."""

from __future__ import annotations

__all__ = ["NO_SPACES"]

NO_SPACES = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""A character of one, as a class of :mod:`re`: Thai, Lao, Burmese, Khmer, Japanese kana, Chinese."""
