from harness import MockScheduler, has

from jobqueue import Job, JobQueue


def test_a_job_runs_to_its_end(cluster):
    cluster.start_master()
    cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    cluster.start_framework(queue)
    queue.submit(Job("report", command="sleep 60"))
    cluster.wait(lambda: queue.finished == ["report"], timeout="2mins")


def test_a_job_that_fails_is_tried_three_times(cluster):
    cluster.start_master()
    cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    scheduler = MockScheduler(queue)
    failures = scheduler.expect.status_update(state="TASK_FAILED").exactly(3)
    cluster.start_framework(scheduler)
    queue.submit(Job("report", command="exit 7"))
    cluster.wait(failures)
    assert queue.failed == ["report"]


def test_two_jobs_share_an_agent(cluster):
    cluster.start_master()
    agent = cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    scheduler = MockScheduler(queue)
    first = scheduler.expect.status_update(status=has(task_id="first-1", state="TASK_RUNNING"))
    second = scheduler.expect.status_update(status=has(task_id="second-1", state="TASK_RUNNING"))
    cluster.start_framework(scheduler)
    queue.submit(Job("first"))
    queue.submit(Job("second"))
    cluster.wait(first)
    cluster.wait(second)
    assert len(agent.tasks) == 2
