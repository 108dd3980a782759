"""A queue of jobs on a Mesos cluster: a job waits for room, runs, and is tried again when it is lost."""

from dataclasses import dataclass

from harness import Resources
from harness.mesos.messages import CommandInfo, TaskInfo


@dataclass(frozen=True)
class Job:
    """Something to run, what it needs, and how often it may be started."""

    name: str
    command: str = "sleep 10"
    needs: str = "cpus:1;mem:128"
    tries: int = 3


class JobQueue:
    """A scheduler. It keeps the offers that it gets, and starts the waiting jobs on them, oldest first."""

    def __init__(self):
        self.driver = None
        self.offers = {}  # offer id -> offer
        self.waiting = []  # jobs
        self.running = {}  # task id -> (job, id of the offer that it was started on)
        self.started = {}  # name of a job -> how often it was started
        self.finished = []  # names of jobs
        self.failed = []  # names of jobs

    def submit(self, job):
        """Start the job as soon as there is room for it."""
        self.waiting.append(job)
        self._start_what_fits()

    # -- what the driver calls ------------------------------------------------------------------

    def registered(self, driver, framework_id, master_info):
        self.driver = driver

    def reregistered(self, driver, master_info):
        self.driver = driver

    def disconnected(self, driver):
        self.offers.clear()

    def resource_offers(self, driver, offers):
        self.offers.update((offer.id, offer) for offer in offers)
        self._start_what_fits()

    def offer_rescinded(self, driver, offer_id):
        self.offers.pop(offer_id, None)
        for task_id, (job, used) in list(self.running.items()):
            if used == offer_id:
                del self.running[task_id]
                self._try_again(job)

    def status_update(self, driver, status):
        if status.state in ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING"):
            return
        job, _ = self.running.pop(status.task_id, (None, None))
        if job is None:
            return  # known already: an update may come twice
        if status.state == "TASK_FINISHED":
            self.finished.append(job.name)
        else:
            self._try_again(job)

    # -- what the queue does about it -----------------------------------------------------------

    def _try_again(self, job):
        if self.started[job.name] < job.tries:
            self.submit(job)
        else:
            self.failed.append(job.name)

    def _start_what_fits(self):
        for offer in list(self.offers.values()):
            room, tasks = offer.resources, []
            for job in list(self.waiting):
                needs = Resources.parse(job.needs).allocate(offer.role)
                if needs <= room:
                    room -= needs
                    self.waiting.remove(job)
                    tasks.append(self._task(job, needs, offer))
            if tasks:
                del self.offers[offer.id]
                self.driver.launch_tasks([offer.id], tasks, refuse_seconds=0)

    def _task(self, job, needs, offer):
        self.started[job.name] = self.started.get(job.name, 0) + 1
        task_id = f"{job.name}-{self.started[job.name]}"
        self.running[task_id] = (job, offer.id)
        command = CommandInfo(value=job.command)
        return TaskInfo(task_id=task_id, slave_id=offer.slave_id, resources=needs, command=command)
