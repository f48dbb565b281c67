"""The way from the subject to a helper is cut by a story: the subject meets an upstream that is gone."""

from __future__ import annotations

from pathlib import Path

from tests.integration.tiny.gates import Home, Story

_HELPER = """\
helpers:
  upstream:
    command: ["{python}", -m, http.server, "{port.http}", --bind, 127.0.0.1]
    folder: service
    ports: [http]
    ready: {port: http}
"""
_UPSTREAM = "  environment: {UPSTREAM: 'http://127.0.0.1:{helper.upstream.http}/'}\n"
_REACHES = """\
func (s *service) reaches() bool {
\tclient := http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
\tanswer, err := client.Get(os.Getenv("UPSTREAM"))
\tif err == nil {
\t\tanswer.Body.Close()
\t}
\ts.broken = err != nil
\treturn err == nil
}

func (s *service) work("""


def asking_upstream(folder: Path) -> Story:
    """The tiny subject, which asks an upstream for every request and fails where that does not answer."""
    story = Story(folder)
    story.replace(
        "profile.yaml",
        ("ports: [app]\n", f"ports: [app]\n{_HELPER}"),
        ("  folder: service\n  command", f"  folder: service\n{_UPSTREAM}  command"),
        ("faults:\n", "faults:\n  upstream: {link: {helper: upstream, port: http}}\n"),
    )
    story.replace(
        "service/main.go",
        ("\tapplied  int\n", "\tapplied  int\n\tbroken   bool\n"),
        ("func (s *service) work(", _REACHES),
        ("\tif s.fails() {\n", "\tif s.fails() || !s.reaches() {\n"),
        ("\tif s.ratio > 0 {\n", "\tif s.ratio > 0 || s.broken {\n"),
    )
    return story.replace("failing.yaml", ("fault: {failures: 100%}", "fault: {upstream: down}"))


def test_an_upstream_that_is_gone_fails_every_request_and_is_there_again(tmp_path: Path) -> None:
    story, home = asking_upstream(tmp_path / "tiny"), Home(tmp_path / "home")
    ended = home.gate(story.folder)
    assert ended.code == 0, ended.out + ended.err
    told = b"".join(ended.lines("records/fault.ndjson"))
    assert told.count(b"refuses connections") == 1
    assert told.count(b"takes connections") == 1
    home.assert_clean(sorted(ended.ports))
