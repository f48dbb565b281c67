"""``harness init`` on a service of ours and on one that nobody here wrote: the files gate at once, and tell."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from harness.provision import ensure
from tests.integration.tiny.gates import Home, Story

HELP = "# HELP tiny_failures_total Requests that failed.\\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_is_broken_in_a_running_service_is_told_and_what_is_good_is_held(home: Home, tiny: Story) -> None:
    tiny.replace("service/main.go", (HELP, ""))
    port, program, log = free_port(), tiny.path("program"), home.root / "requests.log"
    subprocess.run(["go", "build", "-o", program, "."], cwd=tiny.path("service"), check=True)
    url = f"http://127.0.0.1:{port}"
    log.write_text("a line for people, from before the gate\n")
    with subprocess.Popen([program, "-port", str(port), "-log", log], start_new_session=True) as process:
        try:
            asked = ("--metrics", f"{url}/metrics", "--health", f"{url}/healthz", "--request", f"{url}/work")
            beside = ("--logs", "requests.log", "--rules", tiny.path("production/rules.yml"))
            written = _until_it_listens(home, *asked, *beside)
            assert written == 0
            ended = home.gate(home.root / "scenarios")
            assert process.poll() is None
        finally:
            process.terminate()
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {"campaign::metrics::tiny_failures_total::documented"}
    assert ended.of("violated") | ended.of("held") == set(ended.verdicts)
    assert "lines as declared" in ended.words("campaign::logs::requests::envelope")
    assert ended.verdicts["campaign::alerts::TinyFailing::armed"] == "held"
    home.assert_clean(sorted(ended.ports - {port}))


def _until_it_listens(home: Home, *arguments: object) -> int:
    from harness.run.stack.wait import eventually

    def listens() -> bool:
        with socket.create_connection(("127.0.0.1", int(str(arguments[1]).split(":")[2].split("/")[0])), 1):
            return True

    eventually(listens, what="the service to listen", within_s=10, retry_on=(OSError,))
    return home.run("init", *arguments).code


def test_a_service_that_nobody_here_wrote_is_started_looked_at_and_gated(home: Home, tmp_path: Path) -> None:
    program, port = ensure(["alertmanager"])["alertmanager"].executable, free_port()
    (home.root / "its.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = (
        f"{program} --config.file=its.yml --storage.path=data --web.listen-address=127.0.0.1:{port} "
        "--cluster.listen-address="
    )
    told = home.run("init", "--metrics", f"http://127.0.0.1:{port}/metrics", "--start", command)
    assert told.code == 0, told.out + told.err
    home.assert_clean([port])
    ended = home.gate()
    assert ended.code == 0, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held"}
    assert len(ended.verdicts) > 40
    assert {clause.split("::")[1] for clause in ended.verdicts} == {*("metrics", "load", "endpoints", "subject")}
    home.assert_clean(sorted(ended.ports))
