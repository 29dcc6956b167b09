"""What DAGs rely on, with Airflow and its provider as released: the operators and the sensor of the provider's example DAGs against a server.

The tasks run in this process, in the order of the DAG, as `airflow dags test` runs them. Airflow logs to the same output; lines of ours begin with two spaces.
"""

import json
import pathlib

import chains
from paradime_dbt_provider.hooks.paradime import ParadimeHook


def states(dag):
    tested = dag.test()
    return {instance.task_id: str(instance.state) for instance in tested.get_task_instances()}


def equal(found, expected):
    assert found == expected, f"{found} instead of {expected}"
    print(f"  {expected}")


good = {"run": "success", "wait": "success", "manifest": "success"}
equal(states(chains.good), good)
files = sorted(pathlib.Path.cwd().glob("*_manifest.json"))
assert files and "nodes" in json.loads(files[-1].read_text()), files
equal(states(chains.other_commands), good)
failed = {"run": "success", "wait": "failed", "manifest": "upstream_failed"}
equal(states(chains.broken), failed)
equal(states(chains.again), failed)
hook = ParadimeHook(conn_id="owlet")
equal(hook.get_bolt_run_status(hook.get_bolt_schedule("broken").latest_run_id), "FAILED")
equal(states(chains.unknown), {"run": "failed", "wait": "upstream_failed", "manifest": "upstream_failed"})
