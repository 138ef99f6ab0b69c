"""JSON of requests. Brackets nested by thousands are no JSON here: a refusal, not a defect."""

from __future__ import annotations

from typing import Any

from flask.json.provider import DefaultJSONProvider


class RequestJson(DefaultJSONProvider):
    """Flask's own, for `app.json`; what Python cannot read for its depth raises ValueError."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Raises ValueError: no JSON, or nested too deeply."""
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None
