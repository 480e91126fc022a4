"""Public holidays, worked out by the library `holidays` in a process that ends again.

The library takes 19 MB of memory once loaded (measured), a third of what the whole controller uses, for a
list of dozen dates a year. So a short-lived process makes the list, and a file keeps it.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from controller.errors import ConfigError, TariffUnreachable
from controller.tariffs.store import make_folder, write_whole

LONGEST_S = 120.0
UNKNOWN = 3


class Holidays:
    """The public holidays of a country, or one of its states, for the years asked for so far."""

    def __init__(self, country: str, state: str | None, file: Path) -> None:
        self._place = f"{country}-{state}" if state else country
        self._country, self._state, self._file = country, state, file
        self._years: dict[int, frozenset[date]] = {}

    def __call__(self, day: date) -> bool:
        """Return whether a day is one; no for years that were not asked for."""
        return day in self._years.get(day.year, frozenset())

    def knows(self, year: int) -> bool:
        """Return whether a year was asked for."""
        return year in self._years

    def learn(self, years: Sequence[int]) -> None:
        """Have the holidays of these years, from the file or the library. Takes seconds.

        Raises ConfigError for a country or state the library does not know, TariffUnreachable if it cannot be
        asked now.
        """
        self._read()
        missing = [year for year in years if year not in self._years]
        if missing:
            self._compute(missing)
            self._write()

    def _compute(self, years: list[int]) -> None:
        command = [sys.executable, "-P", "-m", "controller.tariffs.public_holidays"]
        command += [self._country, self._state or "", *map(str, years)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=LONGEST_S, check=False)  # noqa: S603
            if done.returncode == UNKNOWN:
                raise ConfigError(
                    f"[tariff] country and state: no public holidays of {self._place} are known "
                    f"({done.stderr.decode(errors='replace').strip()[:200]}). Remedy: country as in DE, "
                    "state as in BY, or leave them out"
                )
            days = [date.fromisoformat(text) for text in json.loads(done.stdout)]
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TariffUnreachable(
                f"the public holidays cannot be worked out ({type(error).__name__})"
            ) from None
        for year in years:
            self._years[year] = frozenset(day for day in days if day.year == year)

    def _read(self) -> None:
        try:
            document = json.loads(self._file.read_bytes())
            if document["of"] == self._place:
                for year, days in document["years"].items():
                    self._years.setdefault(int(year), frozenset(date.fromisoformat(day) for day in days))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # it is worked out again

    def _write(self) -> None:
        years = {str(year): sorted(day.isoformat() for day in days) for year, days in self._years.items()}
        try:
            make_folder(self._file.parent)
            write_whole(self._file, json.dumps({"of": self._place, "years": years}).encode())
        except OSError:
            return  # the next start works it out again


def _main(country: str, state: str, *years: str) -> None:
    """Print the dates as JSON; what the process is for."""
    import holidays

    try:
        found = holidays.country_holidays(country, subdiv=state or None, years=[int(year) for year in years])
    except NotImplementedError as error:
        sys.stderr.write(str(error).splitlines()[0])
        sys.exit(UNKNOWN)
    sys.stdout.write(json.dumps(sorted(day.isoformat() for day in found)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
