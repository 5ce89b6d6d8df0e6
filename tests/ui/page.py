"""A browser on a host of the lab: Page.do() is what driver.mjs can do, and the rest is short for it."""
import json
import os
import re
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
API_PORT = 8666
HANG_S = 120
VIEWS = ("party", "servers", "metrics", "network", "discord", "settings", "log")
# What a browser says of itself when the API is gone for a moment, and what it says of every refusal.
EXPECTED = re.compile(r"WebSocket connection to .* failed|net::ERR_CONNECTION_|Failed to load resource: the server responded")


class Page:
    def __init__(self, host, width=1280, height=800, theme="dark"):
        self.host = host
        command = host.netns.command(["node", os.path.join(HERE, "driver.mjs"), str(width), str(height), theme])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def do(self, what, **how):
        killer = threading.Timer(HANG_S, self.process.kill)
        killer.start()
        try:
            self.process.stdin.write(json.dumps({"do": what, **how}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        finally:
            killer.cancel()
        assert answer, f"{self.host.name}: the browser has ended at {what} {how}"
        told = json.loads(answer)
        assert "failed" not in told, f"{self.host.name}: {told['failed']}"
        return told["ok"]

    # ---- going

    def enter(self, link=None):
        """By the one-time link, as the user does; that of `lanrage ui` unless given."""
        self.do("open", url=link or self.host.lanrage("ui")["url"])
        self.see(css=".pulse.live")

    def go(self, view):
        self.do("open", url=f"http://127.0.0.1:{API_PORT}/#/{view}")
        self.see(css=f"main.view-{view} h1")

    # ---- doing and seeing

    def press(self, name, role="button", of=None):
        self.do("click", role=role, name=name, of=of)

    def fill(self, label, value, of=None):
        self.do("fill", label=label, value=value, of=of)

    def see(self, **what):
        self.do("see", **what)

    def text(self, css):
        return self.do("text", css=css)

    def texts(self, css):
        return self.do("texts", css=css)

    def complaints(self):
        """What the console said that no refusal and no restart of the API explains."""
        return [error for error in self.do("errors") if not EXPECTED.search(error)]
