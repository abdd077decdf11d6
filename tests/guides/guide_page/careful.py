from __future__ import annotations

from plugin_host.testing import DeliverAll, MakeContent, RunTask, Tenant


def test_what_is_caught_is_still_seen(
    tenant: Tenant, make_content: MakeContent, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    make_content(title="Tea")

    (run,) = [run for run in deliver_all(tenant) if run.plugin == "careful"]
    attempt = run_task("careful.hourly")

    assert (run.ended, run.log[0]) == ("done_with_errors", "Not announced")
    assert (attempt.ended, attempt.error) == ("", "The service is down: no answer")
