"""How long a condition has held without interruption: what most peers build their decisions of."""


class Delay:
    """Time since a condition became true, in s; one sample that disagrees starts it anew."""

    def __init__(self) -> None:
        self.since_s: int | None = None

    def lasted_s(self, condition: bool, now_s: int) -> int:
        """Return how long the condition has held at this sample, -1 where it does not."""
        if not condition:
            self.since_s = None
            return -1
        if self.since_s is None:
            self.since_s = now_s
        return now_s - self.since_s

    def clear(self) -> None:
        """Forget what has passed."""
        self.since_s = None
