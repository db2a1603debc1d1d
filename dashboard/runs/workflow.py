"""The durable workflow as DBOS knows it. Names, steps and version stay: a restarted worker finds its workflows by them."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID

from dashboard.runs.ledger import Order

APPLICATION_VERSION = "runs-1"
EXECUTOR = "worker"
QUEUE = "batches"
POLLING_SECONDS = 0.2


class BatchQueue:
    """The queue of batches, partitioned by host.

    Parameters
    ----------
    database_url
        The run store's; DBOS keeps its tables beside ours.
    obtain
        The body of the one step, given the ids of batch and workflow. It raises nothing.
    """

    def __init__(self, database_url: str, obtain: Callable[[str, str], None]) -> None:
        @DBOS.step(name="obtain")
        def step(batch_id: str) -> None:
            obtain(batch_id, str(DBOS.workflow_id))

        @DBOS.workflow(name="obtain_batch", max_recovery_attempts=None)
        def obtain_batch(batch_id: str) -> None:
            step(batch_id)

        self._workflow = obtain_batch
        self._database_url = database_url

    def launch(self, jobs_in_flight: int) -> None:
        """Begin to work, first on what an earlier worker left."""
        config = DBOSConfig(
            name="integral-dashboard",
            system_database_url=self._database_url,
            application_version=APPLICATION_VERSION,
            executor_id=EXECUTOR,
            log_level="WARNING",
        )
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, partition_concurrency=jobs_in_flight, polling_interval_sec=POLLING_SECONDS, on_conflict="always_update")

    def put(self, order: Order) -> None:
        """Enqueue an attempt; one that is known already is left as it is."""
        with SetWorkflowID(order.workflow_id), SetEnqueueOptions(priority=order.priority, queue_partition_key=order.host):
            DBOS.enqueue_workflow(QUEUE, self._workflow, order.batch_id)
