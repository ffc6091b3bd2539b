"""What every part of a task file's schema is made of."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import AllowInfNan, BaseModel, ConfigDict, Strict, model_validator

__all__ = ["Flag", "Number", "Part", "Whole", "WrongValueError"]

# Strict: true is not the number 1, and "3" is not 3. A whole number is a number.
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Whole = Annotated[int, Strict()]


class WrongValueError(ValueError):
    """A value that is wrong for a reason of ours.

    Attributes:
        remedy: What would be right.
        key: The key below the validated value that the message is about.
    """

    def __init__(self, message: str, *, remedy: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.remedy, self.key = remedy, key


class Part(BaseModel):
    """A mapping of known keys; an unknown one is refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        coerce_numbers_to_str=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        """A key with nothing behind it has its default, unless null means something there."""
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields

        def left_out(key: object) -> bool:
            info = fields.get(key) if isinstance(key, str) else None
            return info is not None and not info.is_required() and type(None) not in get_args(info.annotation)

        return {key: item for key, item in value.items() if item is not None or not left_out(key)}
