"""Generated data whose best possible score is known, one module a task."""

from companion.tasks import examples, memory, patterns

__all__ = ["examples", "memory", "patterns"]
