from jobqueue import JobQueue


def test_the_queue_gets_the_agent(cluster, allocator):
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().at_least_once()
    cluster.start_agent("cpus:2;mem:1024")
    queue = JobQueue()
    cluster.start_framework(queue)
    cluster.wait(lambda: queue.offers)
