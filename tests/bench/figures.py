"""Measured values by figure, alone (Figures) or beside those of others (Comparison): percentiles, the rows of
build/bench/NAME.json, and the table on the screen."""
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
        write_json(path, bench, self.rows(), raw, self.failures)


class Row:
    """targets: by peer, what ours divided by theirs should reach; limit: what ours may be at most. A row whose values
    came in lists has the pooled 99.9th percentile, any other the median of its rounds."""

    def __init__(self, name, unit, better, targets, limit):
        self.name, self.unit, self.better, self.targets, self.limit = name, unit, better, targets, limit
        self.values = {}

    def value(self, tunnel):
        values = self.values.get(tunnel)
        if not values:
            return None
        if isinstance(values[0], list):
            return percentile([value for several in values for value in several], 99.9)
        return percentile(values, 50)

    def spread(self, tunnel):
        values = self.values.get(tunnel)
        return f"{number(min(values))}-{number(max(values))}" if values and not isinstance(values[0], list) else ""

    def ratio(self, peer):
        ours, theirs = self.value("ours"), self.value(peer)
        return ours / theirs if ours is not None and theirs else None

    def reaches(self, value, target):
        return value >= target if self.better == "higher" else value <= target


class Comparison:
    """Rows of ours and of peers, by round."""

    def __init__(self):
        self._rows, self.failures = {}, []

    def define(self, name, unit, better, targets=None, limit=None):
        self._rows[name] = Row(name, unit, better, targets or {}, limit)

    def add(self, name, tunnel, value):
        self._rows[name].values.setdefault(tunnel, []).append(value)

    def fail(self, what):
        self.failures.append(what)
        print(f"  without a result: {what}", flush=True)

    def _pairs(self):
        """Each row with each peer it was measured against; None when there is none."""
        for one in self._rows.values():
            peers = [tunnel for tunnel in one.values if tunnel != "ours"]
            for peer in sorted(peers) or ([None] if one.values else []):
                yield one, peer

    def table(self):
        lines = [f"{'row':21} {'unit':9} {'ours':>9} {'spread':>17}  {'peer':12} {'theirs':>9} {'spread':>17} "
                 f"{'ratio':>6} {'target':>6}"]
        for one, peer in self._pairs():
            ratio, target = one.ratio(peer), one.targets.get(peer)
            lines.append(f"{one.name:21} {one.unit:9} {number(one.value('ours')):>9} {one.spread('ours'):>17}  "
                         f"{peer or '-':12} {number(one.value(peer)):>9} {one.spread(peer):>17} {number(ratio, 3):>6} "
                         f"{number(target):>6} {verdict(one, ratio, target)}".rstrip())
        for one in self._rows.values():
            if one.limit is not None and one.value("ours") is not None:
                ours = one.value("ours")
                lines.append(f"{one.name:21} {one.unit:9} {number(ours):>9} {one.spread('ours'):>17}  {'at most':12} "
                             f"{'':9} {'':17} {'':6} {number(one.limit):>6} {verdict(one, ours, one.limit)}")
        return "\n".join(lines + [f"runs without a result: {len(self.failures)}"])

    def rows(self):
        return [row(one.name, one.unit, one.value("ours"), max(map(len, one.values.values())), one.better, peer,
                    one.value(peer), one.ratio(peer)) for one, peer in self._pairs()]

    def write(self, bench, path):
        raw = {one.name: {"unit": one.unit, "targets": one.targets, "limit": one.limit, "values": one.values}
               for one in self._rows.values() if one.values}
        write_json(path, bench, self.rows(), raw, self.failures)


def number(value, digits=4):
    return "-" if value is None else f"{value:.{digits}g}" if value < 10 ** digits else f"{value:.0f}"


def verdict(one, value, target):
    if value is None or target is None:
        return ""
    return "met" if one.reaches(value, target) else "MISSED"


def write_json(path, bench, rows, raw, failures):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump({"bench": bench, "cpu": cpu(), "rows": rows, "raw": raw, "failures": failures}, file, indent=1)


def row(metric, unit, ours, rounds, better="lower", peer=None, theirs=None, ratio=None):
    ours, theirs, ratio = (None if value is None else round(value, 3) for value in (ours, theirs, ratio))
    return {"metric": metric, "unit": unit, "better": better, "ours": ours, "peer": peer, "theirs": theirs,
            "ratio": ratio, "rounds": rounds}
