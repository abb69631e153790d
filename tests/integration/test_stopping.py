"""What a supervisor's SIGTERM does to `watchkeeper run`, and what a signal handler of one's own may do."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from watchkeeper.app import open_project
from watchkeeper.app.rounds import rounds
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.spans import Duration


@pytest.mark.parametrize("moment", ["while it waits", "while it checks"])
def test_run_ends_cleanly_on_sigterm(project, command, moment):
    assert command("log", "momentum", str(project.today())).code == 0
    program = "from watchkeeper.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, "run", "--every", "1h"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        said = [process.stderr.readline()]
        if moment == "while it waits":
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said += process.stderr.readlines()
        code = process.wait()
        timer.cancel()
    assert said[0].startswith("checking momentum every 1h")
    assert said[-1] == "stopped by SIGTERM\n"
    assert code == 0
    assert command("store", "verify").code == 0


def test_a_stop_lets_the_model_at_work_finish_and_leaves_the_others(project):
    start, rest = project.config.split("[models.momentum]")
    model, rules = rest.split("[rules")
    project.configure(start + "".join(f"[models.m{at}]{model}" for at in range(3)) + "[rules" + rules)
    stop = threading.Event()
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("m0", project.rows())
        check = watch.check_alone

        def check_and_stop(model, **options):
            stop.set()
            return check(model, **options)

        watch.check_alone = check_and_stop
        with closing(rounds(watch, Duration.parse("1h"), stop=stop)) as each:
            assert [tuple(results) for results in each] == [("m0",)]
        assert watch.standings()[0].model == "m0"


def test_close_in_a_handler_that_interrupted_log_releases_nothing_and_loses_nothing(project):
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.rows())
        recorder = watch._systems.recorder
        with recorder._waiting.lock, pytest.raises(UsageError, match="let the handler raise SystemExit"):
            watch.close()
        assert watch.log_table("momentum", project.rows()) == 100


def test_doctor_tells_of_a_journal_that_was_damaged(project, command):
    assert "journal/" not in command("doctor", "--json").out
    (project.folder / "journal").mkdir()
    (project.folder / "journal" / "w.000000000001.0000.segment.damaged").write_bytes(b"")
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert "1 file in journal/ could not be read whole, such as w.000000000001.0000.segment.damaged" in answer.out
