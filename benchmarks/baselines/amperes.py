"""A fine set-point on a box that takes whole amperes."""


def followed(set_a: float, offered_a: int) -> int:
    """Return the whole amperes to offer; they move once the set-point is a whole ampere away."""
    return offered_a + int(set_a - offered_a + (1e-9 if set_a > offered_a else -1e-9))
