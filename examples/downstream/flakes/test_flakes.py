"""Two flakes to find, kept on purpose: ``harness hunt flakes``. The repaired forms are in ``tests`` and in the queue itself."""

from jobqueue import Job, JobQueue


class EagerQueue(JobQueue):
    """The queue as it was first written: it starts a job again for each of two messages that say the same."""

    def offer_rescinded(self, driver, offer_id):
        self.offers.pop(offer_id, None)
        for job, used in list(self.running.values()):
            if used == offer_id:
                self._try_again(job)


def test_one_registration_flaky(cluster, allocator):
    """The test is wrong: an agent may register more than once."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    cluster.start_framework(queue)
    cluster.wait(lambda: queue.offers)


def test_job_started_twice_flaky(cluster):
    """The queue is wrong: an offer that is taken back late makes it start the job twice."""
    cluster.start_master()
    first = cluster.start_agent("cpus:2;mem:1024")
    queue = EagerQueue()
    cluster.start_framework(queue)
    cluster.wait(lambda: len(queue.offers) == 1)
    second = cluster.start_agent("cpus:2;mem:1024")
    cluster.wait(lambda: len(queue.offers) == 2)
    cluster.always("the job runs once at a time", lambda: len(second.tasks) <= 1)

    queue.submit(Job("report"))
    cluster.run_for("3ms")
    first.terminate()
    cluster.wait(lambda: queue.finished)
