"""Makes `stays.csv` from the charging reports of the Norwegian data set (NOTICE.md).

    python -m devices.simulator.charging.extract norway_charging_reports.csv

Nobody needs this to run the project.
"""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path

USERS = {"TRO_R_AsO2-1": "a", "TRO_R_AdO3-2": "b", "TRO_R_Bl2-8": "c"}
"""Three users of one housing cooperative, with names of our own."""
PERIOD = (datetime.fromisoformat("2018-12-21"), datetime.fromisoformat("2020-02-01"))
MOST = 40
_HOURS = (1.0, 20.0)
_KWH = (2.0, 45.0)


def main() -> None:
    """Writes each user's first sessions that are neither trifles nor left for days."""
    taken: dict[str, list[tuple[str, int, int, int, int]]] = {name: [] for name in USERS.values()}
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file, delimiter=";"), key=lambda row: row["plugin_time"])
    for row in rows:
        name = USERS.get(row["user_id"])
        if name is None or len(taken[name]) == MOST:
            continue
        begin = datetime.fromisoformat(row["plugin_time"])
        end = datetime.fromisoformat(row["plugout_time"])
        kwh = float(row["energy_session"].replace(",", "."))
        minutes = round((end - begin).total_seconds() / 60)
        stays = _HOURS[0] <= minutes / 60 <= _HOURS[1] and _KWH[0] <= kwh <= _KWH[1]
        if stays and PERIOD[0] <= begin < PERIOD[1]:
            weekend = int(begin.weekday() >= 5)
            minute = begin.hour * 60 + begin.minute
            taken[name].append((name, weekend, minute, minutes, round(kwh * 1000)))
    with Path(__file__).with_name("stays.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("user", "weekend", "arrives_minute", "minutes", "energy_wh"))
        writer.writerows(stay for stays in taken.values() for stay in stays)


if __name__ == "__main__":
    main()
