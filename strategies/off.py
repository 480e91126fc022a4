"""Never charge."""

from dataclasses import dataclass

from controller.model import Memory, Off, SiteSnapshot, Wish


@dataclass(frozen=True, slots=True)
class OffStrategy:
    """Wish for nothing, whatever the sun does."""

    def initial(self) -> Memory:
        """Return no memory."""
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return off."""
        return Wish(Off(), "strategy off never charges"), memory
