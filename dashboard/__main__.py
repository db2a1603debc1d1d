"""The command line: serve, worker, plan, run, continue, export, request, runs, jobs, gallery, retention, hosts, token,
archive, backup, restore, settings, status, observatory.

    python -m dashboard plan request.json
    python -m dashboard run request.json --host simulated --out DIR

Exit codes: 0 all batches in, 1 batches failed, 2 the request or its plan is wrong, 3 interrupted (the run is
cancelled; what is done is kept), 4 anything else this project reports.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from dashboard import __version__
from dashboard.commands import archive, asking, backup, gallery, hosts, jobs, retention, runs, serving, settings, sharing, status
from dashboard.commands.exit_codes import BROKEN, INTERRUPTED, WRONG_REQUEST
from dashboard.errors import ArchiveError, DashboardError, RequestError


def parser() -> argparse.ArgumentParser:
    """All sub-commands with their help."""
    top = argparse.ArgumentParser(
        prog="integral-dashboard",
        description="INTEGRAL mosaics, spectra and light curves from many MMODA queries, added up as they arrive.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)
    for group in (asking, sharing, runs, jobs, gallery, retention, hosts, archive, backup, settings, status, serving):
        group.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of this project become one sentence on stderr and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["observatory"]:
        return serving.observatory(words[1:])
    options = parser().parse_args(words)
    try:
        return int(options.act(options))
    except (RequestError, ArchiveError) as error:
        print(error.sentence, file=sys.stderr)
        return WRONG_REQUEST
    except DashboardError as error:
        print(error.sentence, file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    finally:
        _end_children()


def _end_children() -> None:
    """End the worker and the observatory if this process started them; a second Ctrl-C does not stop that."""
    if process := sys.modules.get("dashboard.runs.process"):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.end_children(hand_over=True)
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    raise SystemExit(main())
