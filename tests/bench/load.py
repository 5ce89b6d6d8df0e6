"""What engine.py does to a tunnel, and reads off it: TCP by iperf3, UDP and round trips by udpload.c, and what /proc
says of the processes. All traffic is from the pair's a to its b, to the address inside the tunnel."""
import glob
import json
import math
import os
import re
import select
import subprocess
import time

from tunnels import wait_for

from lab.wire import build_dir

TCP_PORT, SINK_PORT, ECHO_PORT = 5201, 5301, 5302
OMIT_S = 1                      # the first second of a TCP stream
PROBE_HZ, PROBE_BYTES = 128, 100
TRIAL_MS, CONFIRM_MS = 500, 700
DRAIN_S = 0.1                   # after a trial, for what is still in queues
LOSS_MAX = 0.001
SENT_MIN = 0.95                 # of what was asked: below, the source itself is the limit
STRIDE, RESOLUTION, STEP_DOWN = 1.1, 1.04, 0.96
RATE_MIN = 500
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


# ---- TCP ----

class Tcp:
    """One run of iperf3: rate as the receiver saw it, without the first second; volume as a saw it, with it."""

    def __init__(self, report):
        self.gbit_per_s = report["end"]["sum_received"]["bits_per_second"] / 1e9
        self.gbit = sum(interval["sum"]["bytes"] for interval in report["intervals"]) * 8 / 1e9


class TcpRun:
    def __init__(self, pair, seconds, streams=1, reverse=False):
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.seconds = seconds
        self.server = subprocess.Popen(pair.b.netns.command(["iperf3", "-s", "-1", "-p", TCP_PORT]),
                                       stdout=subprocess.DEVNULL, **quiet)
        wait_for(lambda: pair.b.netns.port_is_bound("tcp", TCP_PORT), 5, "iperf3 -s does not start")
        words = ["iperf3", "-c", pair.b.inner[4], "-p", TCP_PORT, "-t", seconds, "-O", OMIT_S, "-P", streams, "--json",
                 "--connect-timeout", 3000, *(["--reverse"] if reverse else [])]
        self.client = subprocess.Popen(pair.a.netns.command(words), stdout=subprocess.PIPE, text=True, **quiet)

    def result(self):
        try:
            said = json.loads(self.client.communicate(timeout=self.seconds + OMIT_S + 10)[0])
            self.server.wait(5)
        finally:
            self.stop()
        if "error" in said:
            raise RuntimeError(f"iperf3: {said['error']}")
        return Tcp(said)

    def running(self):
        return self.client.poll() is None

    def stop(self):
        for process in (self.client, self.server):
            if process.poll() is None:
                process.kill()
                process.wait()
        self.client.stdout.close()


# ---- UDP ----

class UdpLoad:
    """A udpload that is told what to do line by line; it ends with the block."""

    def __init__(self, side, role, address, port):
        program = os.path.join(build_dir(), "tests", "udpload")
        self.process = subprocess.Popen(side.netns.command([program, role, address, port]), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answer(5)

    def answer(self, timeout):
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise TimeoutError("udpload says nothing")
        return self.process.stdout.readline().split()

    def ask(self, *words, timeout=5):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        return self.answer(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Trials:
    """UDP at given rates; payloads of size bytes."""

    def __init__(self, source, sink, size):
        self.source, self.sink, self.size, self.number = source, sink, size, 0

    def run(self, rate, ms):
        """Packets a second that arrived, or None when too many were lost or the source could not send that fast."""
        self.number += 1
        self.sink.ask("start", self.number)
        sent, elapsed_ns = map(int, self.source.ask(self.number, round(rate), ms, self.size))
        time.sleep(DRAIN_S)
        arrived = int(self.sink.ask("count")[0])
        elapsed_s = elapsed_ns / 1e9
        if arrived < sent * (1 - LOSS_MAX) or sent < SENT_MIN * rate * elapsed_s:
            return None
        return arrived / elapsed_s

    def passes(self, rate):
        """One failure may be the machine's, two are the tunnel's."""
        return self.run(rate, TRIAL_MS) is not None or self.run(rate, TRIAL_MS) is not None


def bracketed(passes, guess):
    """(a rate that passes, one that does not), by strides from guess that grow."""
    low = high = None
    rate, stride = guess, STRIDE
    while low is None or high is None:
        if rate < RATE_MIN:
            raise RuntimeError(f"not even {rate:.0f} packets/s arrive")
        if passes(rate):
            low, rate = rate, rate * stride
        else:
            high, rate = rate, rate / stride
        stride *= stride
    return low, high


def highest_rate(pair, size, guess):
    """The most packets a second that arrive, all but LOSS_MAX of them; size is that of the payload."""
    with UdpLoad(pair.b, "sink", pair.b.inner[4], SINK_PORT) as sink, \
            UdpLoad(pair.a, "source", pair.b.inner[4], SINK_PORT) as source:
        trials = Trials(source, sink, size)
        low, high = bracketed(trials.passes, guess)
        while high / low > RESOLUTION:
            middle = math.sqrt(low * high)
            low, high = (middle, high) if trials.passes(middle) else (low, middle)
        while low > RATE_MIN:
            confirmed = trials.run(low, CONFIRM_MS)
            if confirmed:
                return confirmed
            low *= STEP_DOWN
        raise RuntimeError("no rate is confirmed")


# ---- round trips ----

def round_trips(pair, seconds):
    """(round trips in microseconds, percent of the probes that were lost)"""
    program = os.path.join(build_dir(), "tests", "udpload")
    with UdpLoad(pair.b, "echo", pair.b.inner[4], ECHO_PORT):
        said = pair.a.run([program, "probe", pair.b.inner[4], ECHO_PORT, PROBE_HZ, seconds, PROBE_BYTES],
                          timeout=seconds + 10).stdout.split("\n")
    values = [float(line) for line in said if re.fullmatch(r"[\d.]+", line)]
    if not values:
        raise RuntimeError("no probe came back")
    lost = int(said[-2].split()[1])
    return values, 100 * lost / (len(values) + lost)


# ---- processes ----

def processes(pair):
    """Of both ends, with what they started."""
    pids = [side.process.pid for side in (pair.a, pair.b)]
    for pid in pids.copy():
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pids += map(int, file.read().split())
    return pids


def cpu_seconds(pids):
    """User and system time of all threads."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def status_number(path, name):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def memory_mb(pid, name):
    """VmRSS, or VmHWM, the most it ever was."""
    return status_number(f"/proc/{pid}/status", name) / 1024


def context_switches(pid):
    """Of all threads that live."""
    return sum(status_number(path, name) for path in glob.glob(f"/proc/{pid}/task/*/status")
               for name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"))
