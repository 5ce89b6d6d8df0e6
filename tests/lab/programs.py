"""Starting and asking LANrage's own programs on a host (contracts: section 10 of the design)."""
import glob
import json
import os
import re
import signal
import subprocess
import time

from .wire import build_dir

START_TIMEOUT_S = 30
LOG_LINES = 80
SANITIZER = re.compile(r"Sanitizer|runtime error:|^ +#\d+ 0x")  # and where it happened


def wait_until(condition, timeout, what, interval=0.05):
    """Calls condition until it returns something true, and returns that; after timeout seconds raises with what."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(interval)


def with_port(address, port):
    """ADDR:PORT, or [ADDR]:PORT."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Programs:
    """Part of Host. state_dir and run_dir are each program's --state and --run; logs are <name>.log in host.dir."""

    def _binary(self, name):
        return os.path.join(build_dir(), "bin", name)

    def _folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, 0o755, exist_ok=True)
        return path

    @property
    def run_dir(self):
        return self._folder("run")

    @property
    def state_dir(self):
        return self._folder("state")

    # ---- the infrastructure ----

    def start_server(self, port=8667, address=None, extra_args=()):
        """Runs lanrage-server, waits until it listens, and returns its URL."""
        listen = with_port(address or self.addr4 or self.addr6, port)
        process = self.popen([self._binary("lanrage-server"), "--listen", listen, "--state", self._folder("server"),
                              *extra_args], name="lanrage-server")
        self._wait_bound(process, "lanrage-server", "tcp", port)
        return f"ws://{listen}"

    def start_relay(self, server_url, port=51820, address=None, extra_args=()):
        """Runs lanrage-relay, waits until its UDP port is bound, and returns ADDR:PORT."""
        listen = with_port(address or self.addr4 or self.addr6, port)
        process = self.popen([self._binary("lanrage-relay"), "--listen", listen, "--server", server_url,
                              "--state", self._folder("relay"), *extra_args], name="lanrage-relay")
        self._wait_bound(process, "lanrage-relay", "udp", port)
        return listen

    def _wait_bound(self, process, name, protocol, port):
        def bound():
            self._still_runs(process, name)
            return self.netns.port_is_bound(protocol, port)
        wait_until(bound, START_TIMEOUT_S, f"{self.name}: {name} at {protocol} port {port}")

    def _still_runs(self, process, name):
        if process.poll() is not None:
            raise RuntimeError(f"{self.name}: {name} ended with {process.returncode}\n{self.logs()}")

    # ---- the client ----

    def start_lanraged(self, server_url=None, extra_config=None, timeout=START_TIMEOUT_S):
        """Writes lanraged.conf from {section: {key: value}}, runs lanraged, waits until `lanrage status` answers."""
        config = {section: dict(keys) for section, keys in (extra_config or {}).items()}
        if server_url:
            config.setdefault("server", {})["url"] = server_url
        path = os.path.join(self.dir, "lanraged.conf")
        with open(path, "w") as file:
            for section, keys in config.items():
                file.write(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()) + "\n")
        process = self.popen([self._binary("lanraged"), "--state", self.state_dir, "--run", self.run_dir,
                              "--config", path], name="lanraged")

        def ready():
            self._still_runs(process, "lanraged")
            return self.run(self._lanrage_command("status", "--json"), check=False, timeout=10).returncode == 0
        try:
            wait_until(ready, timeout, f"{self.name}: lanrage status", interval=0.1)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise RuntimeError(f"{error}\n{self.logs()}") from None
        return process

    def _lanrage_command(self, *words):
        return [self._binary("lanrage"), "--run", self.run_dir, *words]

    def lanrage(self, *words, json=True, timeout=60):
        """Runs `lanrage WORDS...` and returns the parsed JSON, or with json=False the text; a refusal raises."""
        done = self.run(self._lanrage_command(*words, *(["--json"] if json else [])), check=False, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: lanrage {' '.join(map(str, words))} ended with {done.returncode}\n"
                               f"stdout: {done.stdout}\nstderr: {done.stderr}")
        return _parsed(done.stdout) if json else done.stdout

    def stop_lanraged(self, timeout=10):
        """SIGTERM to lanraged alone; returns its exit code, and raises if it has not ended in timeout seconds."""
        return self.stop("lanraged", timeout)

    def stop(self, name, timeout=10, sig=signal.SIGTERM):
        """Sends sig to a program started here, by its name, and waits for its end."""
        process = self.processes[name]
        process.send_signal(sig)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{self.name}: {name} did not end within {timeout} s\n{self.logs()}") from None

    # ---- after a failure ----

    def _log_paths(self):
        return sorted(glob.glob(f"{self.dir}/*.log") + glob.glob(f"{self.dir}/run/logs/*"))

    def complaints(self):
        """Lines of the logs that a sanitizer wrote."""
        found = []
        for path in self._log_paths():
            with open(path, errors="replace") as file:
                found += [line.rstrip() for line in file if SANITIZER.search(line)]
        return found

    def logs(self):
        """The last lines of every log of this host."""
        parts = []
        for path in self._log_paths():
            with open(path, errors="replace") as file:
                lines = file.readlines()[-LOG_LINES:]
            if lines:
                parts.append(f"---- {self.name}: {os.path.relpath(path, self.dir)}\n{''.join(lines)}")
        return "\n".join(parts)


def _parsed(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RuntimeError(f"not JSON ({error}): {text!r}") from None
