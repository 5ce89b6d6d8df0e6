"""The two commands of the README on a machine of its own: make up-server, make up SERVER=..."""
import os
import subprocess

import pytest

from lab import ping_first_reply, wait_until
from lab.wire import build_dir
from party import connect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(host, *words):
    """Runs make for this host, whose files are in a folder of its own; returns what it printed."""
    environment = [f"{key}={os.path.join(host.dir, value)}" for key, value in {
        "LANRAGE_RUN": "run", "LANRAGE_STATE": "state", "LANRAGE_SERVER_STATE": "server-state",
        "LANRAGE_SERVER_RUN": "server-run"}.items()]
    done = host.run(["env", *environment, "make", "-C", ROOT, f"BUILD={build_dir()}", *built_with(), *words],
                    check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr + host.logs()
    return done.stdout


def built_with():
    """The options the programs under test were built with, so that make finds nothing to build."""
    return [f"SANITIZE={os.environ['LANRAGE_SANITIZE']}"] if os.environ.get("LANRAGE_SANITIZE") else []


@pytest.fixture
def machines(lab):
    hosts = [lab.public(name) for name in ("server", "a", "b")]
    yield hosts
    for host in hosts:
        make(host, "down")


def test_up_server_and_up_twice(machines):
    """
    server: make up-server        a, b: make up SERVER=ws://server:8667        each twice in a row

    Both end with the suite running, the page's address and the next step; then a and b are on one LAN.
    """
    server, a, b = machines
    url = f"ws://{server.addr4}:8667"
    for _ in range(2):
        said = make(server, "up-server")
        assert f"make up SERVER={url}" in said
        for host in (a, b):
            said = make(host, "up", f"SERVER={url}")
            assert "http://127.0.0.1:8666/" in said and "party create" in said
            wait_until(lambda: host.lanrage("status")["server"]["state"] == "connected", 10, "the server")
    connect(a, b)
    ping_first_reply(b, a.lanrage("status")["self"]["virtual_ip"], 10)
    make(a, "down")
    assert a.run("ip link show lanrage0", check=False).returncode != 0
    done = a.run(a._lanrage_command("status"), check=False)
    assert done.returncode == 1 and "make up" in done.stderr + done.stdout or "lanraged" in done.stderr


def test_install(lab, tmp_path):
    """make install puts everything in its place, and the installed launcher runs from there."""
    host = lab.public("host")
    done = subprocess.run(["make", "-C", ROOT, f"BUILD={build_dir()}", *built_with(), "install",
                           f"DESTDIR={host.dir}/root", "PREFIX=/usr"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in ("bin/lanrage", "bin/lanrage-server", "bin/lanrage-relay", "libexec/lanrage/lanraged",
                 "libexec/lanrage/lanrage-dataplane"):
        assert os.access(f"{host.dir}/root/usr/{path}", os.X_OK), path
    for path in ("man/man1/lanrage.1", "man/man5/lanraged.conf.5", "man/man8/lanraged.8", "man/man8/lanrage-server.8",
                 "man/man8/lanrage-relay.8", "bash-completion/completions/lanrage", "zsh/site-functions/_lanrage",
                 "fish/vendor_completions.d/lanrage.fish", "lanrage/web/index.html"):
        assert os.path.getsize(f"{host.dir}/root/usr/share/{path}") > 0, path
    process = host.popen([f"{host.dir}/root/usr/libexec/lanrage/lanraged", "--state", host.state_dir, "--run",
                          host.run_dir], name="lanraged")
    wait_until(lambda: host.run([f"{host.dir}/root/usr/bin/lanrage", "--run", host.run_dir, "status"],
                                check=False).returncode == 0, 30, "status")
    process.terminate()
    assert process.wait(15) == 0
