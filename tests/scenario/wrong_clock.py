"""A member whose wall clock is years off: its services run with a clock_gettime that says so."""
import os
import shutil
import subprocess

from lab.wire import build_dir

SHIM = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, id, now);

	if (result == 0 && id == CLOCK_REALTIME)
		now->tv_sec += SHIFT_S;
	return result;
}
"""
WRAPPER = """#!/bin/sh
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
export LD_PRELOAD={shim}
exec {program} "$@"
"""
SERVICES = ("dataplane", "nat", "control", "metrics", "browser", "api")


def shift_clock(host, seconds):
    """From its next start on, lanraged on host runs services whose wall clock is that much ahead (or behind)."""
    folder = os.path.join(host.dir, "shifted")
    os.makedirs(folder)
    shim = os.path.join(folder, "shim.so")
    subprocess.run(["gcc", "-shared", "-fPIC", f"-DSHIFT_S={seconds}L", "-x", "c", "-", "-o", shim], input=SHIM,
                   text=True, check=True)
    built = os.path.join(os.path.abspath(build_dir()), "bin")
    for name in ("lanraged", "lanrage"):
        shutil.copy(os.path.join(built, name), folder)
    for service in SERVICES:
        path = os.path.join(folder, f"lanrage-{service}")
        with open(path, "w") as file:
            file.write(WRAPPER.format(shim=shim, program=os.path.join(built, f"lanrage-{service}")))
        os.chmod(path, 0o755)
    host._binary = lambda name: os.path.join(folder, name)
