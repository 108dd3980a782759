from jobqueue import Job, JobQueue


def test_a_job_outlives_its_agent(cluster):
    cluster.start_master()
    first = cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    cluster.start_framework(queue)
    cluster.wait(lambda: len(queue.offers) == 1)
    second = cluster.start_agent("cpus:2;mem:1024")
    cluster.wait(lambda: len(queue.offers) == 2)
    cluster.always("the job runs once at a time", lambda: len(second.tasks) <= 1)

    queue.submit(Job("report"))
    cluster.run_for("3ms")
    first.terminate()
    cluster.wait(lambda: queue.finished)
    assert queue.finished == ["report"]
