"""Measured values by figure: percentiles, the rows of build/bench/NAME.json, and the table on the screen."""
import json
import math
import os
import threading


def percentile(values, percent):
    """By linear interpolation between the two nearest."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    low, high = math.floor(at), math.ceil(at)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def cpu():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"


class Figure:
    """unit follows the percentile in the rows' names; target is what the 95th percentile may be at most."""

    def __init__(self, name, unit, title, target=None):
        self.name, self.unit, self.title, self.target = name, unit, title, target
        self.values = []

    def metric(self, percent):
        return "_".join(filter(None, (self.name, f"p{percent}", self.unit if self.unit in ("ms", "pct") else "")))

    @property
    def missed(self):
        return self.target is not None and percentile(self.values, 95) > self.target


class Figures:
    """Several threads may add at the same time."""

    def __init__(self):
        self._figures, self._lock = {}, threading.Lock()
        self.failures = []

    def define(self, name, unit, title, target=None):
        self._figures[name] = Figure(name, unit, title, target)

    def add(self, name, *values):
        with self._lock:
            self._figures[name].values += [round(value, 3) for value in values]

    def fail(self, what):
        """A run without a result: it counts, too."""
        with self._lock:
            self.failures.append(what)
        print(f"  without a result: {what}", flush=True)

    def __iter__(self):
        return iter([figure for figure in self._figures.values() if figure.values])

    def table(self):
        lines = [f"{'figure':58} {'n':>4} {'p50':>9} {'p95':>9} {'most':>9} {'target':>7}"]
        for figure in self:
            numbers = [percentile(figure.values, percent) for percent in (50, 95, 100)]
            target = f"{figure.target:g}" if figure.target is not None else "-"
            title = f"{figure.title}, {figure.unit}"
            lines.append(f"{title:58} {len(figure.values):4} " + " ".join(f"{number:9.4g}" for number in numbers)
                         + f" {target:>7}" + ("  missed" if figure.missed else ""))
        return "\n".join(lines + [f"runs without a result: {len(self.failures)}"])

    def rows(self):
        rows = [row(figure.metric(percent), figure.unit, percentile(figure.values, percent), len(figure.values))
                for figure in self for percent in (50, 95)]
        return rows + [row("runs_without_result", "runs", len(self.failures), 1)]

    def write(self, bench, path):
        raw = {figure.name: {"unit": figure.unit, "title": figure.title, "target_p95": figure.target,
                             "values": figure.values} for figure in self}
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            json.dump({"bench": bench, "cpu": cpu(), "rows": self.rows(), "raw": raw, "failures": self.failures},
                      file, indent=1)


def row(metric, unit, ours, rounds):
    return {"metric": metric, "unit": unit, "better": "lower", "ours": round(ours, 3), "peer": None, "theirs": None,
            "ratio": None, "rounds": rounds}
