"""The durable workflow as DBOS knows it. Names, steps and version stay: a restarted worker finds its workflows by them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID

from dashboard.runs.database import STOPPED_SECONDS
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

    def launch(self, jobs_in_flight: int, executor: str = EXECUTOR) -> None:
        """Begin to work, first on what an earlier worker of the same name left."""
        config = DBOSConfig(
            name="integral-dashboard",
            system_database_url=self._database_url,
            application_version=APPLICATION_VERSION,
            executor_id=executor,
            sys_db_idle_transaction_timeout_sec=STOPPED_SECONDS,
            log_level="WARNING",
        )
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, partition_concurrency=jobs_in_flight, polling_interval_sec=POLLING_SECONDS, on_conflict="always_update")

    def put(self, order: Order) -> None:
        """Enqueue an attempt; one that is known already is left as it is."""
        with SetWorkflowID(order.workflow_id), SetEnqueueOptions(priority=order.priority, queue_partition_key=order.host):
            DBOS.enqueue_workflow(QUEUE, self._workflow, order.batch_id)

    def put_missing(self, orders: Collection[Order]) -> None:
        """Enqueue those that DBOS does not know: whoever noted them died before."""
        ids = [order.workflow_id for order in orders]
        known = (
            {found.workflow_id for found in DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)} if ids else set()
        )
        for order in orders:
            if order.workflow_id not in known:
                self.put(order)

    def held_by_others(self, executors: Collection[str]) -> list[str]:
        """Workflows that were begun by a process that is none of these."""
        begun = DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_input=False, load_output=False)
        return [found.workflow_id for found in begun if found.executor_id not in executors]

    def take_back(self, workflow_ids: list[str]) -> int:
        """Put workflows that were begun back into the queue, in their old places; how many."""
        if workflow_ids:
            DBOS.resume_workflows(workflow_ids, queue_name=QUEUE)  # without the name they would run past the queue's limits
        return len(workflow_ids)
