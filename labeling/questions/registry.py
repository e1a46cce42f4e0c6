"""All kinds of questions."""

from __future__ import annotations

from typing import Final

from labeling.questions.kinds import QuestionKind

KINDS: Final[dict[str, QuestionKind]] = {kind.value: kind for kind in QuestionKind}
