"""Decide whether propositional clauses can all hold at once (Davis, Putnam, Logemann, Loveland 1962).

A literal is a whole number, its negative the denial; a clause is a list of literals of which one must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Clause = tuple[int, ...]


class Solver:
    """Keeps clauses and answers whether they can hold together with some assumptions."""

    def __init__(self, clauses: Iterable[Clause] = ()) -> None:
        """Take the clauses that always hold."""
        self._clauses: list[Clause] = []
        self._with: dict[int, list[Clause]] = {}
        for clause in clauses:
            self.add(clause)

    def add(self, clause: Sequence[int]) -> None:
        """Let one more clause hold; one that holds a literal and its denial says nothing and is left out."""
        literals = tuple(dict.fromkeys(clause))
        if any(-literal in literals for literal in literals):
            return
        self._clauses.append(literals)
        for literal in literals:
            self._with.setdefault(-literal, []).append(literals)

    def can_hold(self, *assumptions: int) -> bool:
        """Return whether all clauses and all assumptions can hold at once."""
        true: set[int] = set()
        units = [clause[0] for clause in self._clauses if len(clause) == 1]
        if not self._propagate(true, [*units, *assumptions]):
            return False
        return self._search(true)

    def _search(self, true: set[int]) -> bool:
        """Guess open clauses one by one, taking back what does not work; ``true`` is changed."""
        tried: list[tuple[int, set[int]]] = []
        while True:
            guess = self._open_literal(true)
            if guess is None:
                return True
            tried.append((guess, set(true)))
            while not self._propagate(true, [guess]):
                if not tried:
                    return False
                denied, before = tried.pop()
                true.clear()
                true |= before
                guess = -denied

    def _open_literal(self, true: set[int]) -> int | None:
        """Return a literal of a clause that does not hold yet; None when all hold."""
        for clause in self._clauses:
            if not any(literal in true for literal in clause):
                return next(literal for literal in clause if -literal not in true)
        return None

    def _propagate(self, true: set[int], waiting: list[int]) -> bool:
        """Make literals true and all that follows from them; false when that cannot be."""
        queue = list(waiting)
        while queue:
            literal = queue.pop()
            if -literal in true:
                return False
            if literal in true:
                continue
            true.add(literal)
            for clause in self._with.get(literal, ()):
                if any(other in true for other in clause):
                    continue
                left = [other for other in clause if -other not in true]
                if not left:
                    return False
                if len(left) == 1:
                    queue.append(left[0])
        return True
