"""DAGs in the shape of the provider's examples: run a schedule, wait for its end, download its manifest."""

from airflow.sdk import DAG
from paradime_dbt_provider.operators.paradime import (
    ParadimeBoltDbtScheduleRunArtifactOperator,
    ParadimeBoltDbtScheduleRunOperator,
)
from paradime_dbt_provider.sensors.paradime import ParadimeBoltDbtScheduleRunSensor


def chain(name, slug, **more):
    with DAG(name, schedule=None, default_args={"conn_id": "owlet"}) as dag:
        run = ParadimeBoltDbtScheduleRunOperator(task_id="run", slug=slug, **more)
        run_id = "{{ task_instance.xcom_pull(task_ids='run') }}"
        wait = ParadimeBoltDbtScheduleRunSensor(task_id="wait", run_id=run_id, poke_interval=0.5, timeout=120)
        manifest = ParadimeBoltDbtScheduleRunArtifactOperator(
            task_id="manifest", run_id=run_id, artifact_path="target/manifest.json"
        )
        run >> wait >> manifest
    return dag


good = chain("good", "good")
other_commands = chain("other_commands", "good", commands=["dbt ls", "dbt parse"])
broken = chain("broken", "broken")
again = chain("again", "broken", retry_from_failure=True)
unknown = chain("unknown", "nowhere")
