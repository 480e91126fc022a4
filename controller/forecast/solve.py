"""Least squares with few unknowns, some of which may not be negative. Pure."""

from collections.abc import Sequence
from itertools import combinations

Matrix = Sequence[Sequence[float]]


def linear(matrix: Matrix, right: Sequence[float]) -> list[float] | None:
    """Return x of `matrix x = right` by elimination with pivots; None where it is as good as singular."""
    size = len(right)
    rows = [[*matrix[n], right[n]] for n in range(size)]
    largest = max((abs(value) for row in matrix for value in row), default=0.0)
    for column in range(size):
        pivot = max(range(column, size), key=lambda n: abs(rows[n][column]))
        if abs(rows[pivot][column]) <= 1e-12 * largest:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        for row in rows[column + 1 :]:
            factor = row[column] / head[column]
            for place in range(column, size + 1):
                row[place] -= factor * head[place]
    found = [0.0] * size
    for column in reversed(range(size)):
        rest = sum(rows[column][place] * found[place] for place in range(column + 1, size))
        found[column] = (rows[column][size] - rest) / rows[column][column]
    return found


def least_squares(matrix: Matrix, right: Sequence[float], not_negative: int) -> list[float]:
    """Return the minimiser of `x'Ax - 2 right'x` whose first `not_negative` unknowns are at least 0.

    Tries every choice of unknowns that are 0: eight for three. Without a solution all are 0.
    """
    size = len(right)
    best, best_value = [0.0] * size, 0.0
    for count in range(not_negative + 1):
        for fixed in combinations(range(not_negative), count):
            free = [n for n in range(size) if n not in fixed]
            solved = linear([[matrix[a][b] for b in free] for a in free], [right[n] for n in free])
            if solved is None or any(x < 0 for n, x in zip(free, solved, strict=True) if n < not_negative):
                continue
            value = -sum(right[n] * x for n, x in zip(free, solved, strict=True))
            if value < best_value:
                best = [0.0] * size
                for n, x in zip(free, solved, strict=True):
                    best[n] = x
                best_value = value
    return best
