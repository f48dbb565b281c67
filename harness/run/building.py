"""The profile's build command: run once, before anything of the subject starts."""

from __future__ import annotations

import os

from harness.core.errors import HarnessError, Location
from harness.provision import Settings
from harness.run.context import BUILD_ID, Context
from harness.run.space import scarcity
from harness.run.stack.surface import ProcessSpec
from harness.run.stack.wait import eventually

__all__ = ["build_subject"]

_BUILD_S = 300.0


def build_subject(context: Context) -> None:
    """Run the build, if there is one, to its end; raises ``HarnessError`` with what it said where it failed."""
    start, source = context.campaign.profile.start, context.campaign.profile_source
    if not start.build or (start.image and context.parts.images):
        return
    context.build.mkdir(parents=True)
    argv = tuple(part.replace("{build}", str(context.build)) for part in start.build)
    folder = (source.folder / start.folder).resolve()
    spec = ProcessSpec(BUILD_ID, argv, folder, context.folder / "build.log", env=_with_go(argv))
    context.recorder.note(f"building: {' '.join(argv)}")
    process = context.supervisor.start(spec)
    eventually(
        lambda: process.wait(0.2), what="the build to end", within_s=_BUILD_S, every_s=0.01, cancel=context.cancel
    )
    if process.exit_code:
        scarce = scarcity(context.folder)
        raise HarnessError(
            "\n  ".join(filter(None, (f"the subject's build failed: {process.describe_death()}", scarce))),
            location=Location(source.shown),
            remedy="free space, or set TMPDIR" if scarce else f"run {' '.join(start.build)} in {start.folder}",
        )


def _with_go(argv: tuple[str, ...]) -> dict[str, str]:
    """The caller's environment; where the build is Go's and none is on the path, the provisioned one is added."""
    environment = dict(os.environ)
    if argv[0] == "go":
        from harness.provision.golang import find_go

        found = find_go(Settings.from_environment())
        if found:
            environment["PATH"] = f"{found.parent}{os.pathsep}{environment.get('PATH', '')}"
    return environment
