"""A scheduler on the v1 HTTP API of a running master, as small as it can be: standard library only."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from tests.real_mesos.conversation import Conversation, Event, Side, Wanted

PATH = "/api/v1/scheduler"
CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT")


class RealMaster(Side):
    """The master at ``url``, such as ``http://127.0.0.1:5050``."""

    name = "Mesos"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"HARNESS_REAL_MESOS={url!r}: wanted http://HOST:PORT of a running master")
        self.host, self.port = parts.hostname, parts.port
        self.whole_cpus = float(self._agent()["resources"]["cpus"])
        self._conversations: list[RealConversation] = []

    def _agent(self) -> dict[str, Any]:
        agents = [agent for agent in self.get("/slaves")["slaves"] if agent["active"]]
        if len(agents) != 1:
            raise ValueError(f"the master at {self.host}:{self.port} has {len(agents)} active agents; wanted exactly one")
        found: dict[str, Any] = agents[0]
        return found

    def get(self, path: str) -> Any:
        """What a GET of ``path`` answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    @property
    def agent_resources(self) -> str:
        """All resources of its agent, in Mesos's notation."""
        resources = self._agent()["resources"]
        return ";".join(f"{name}:{resources[name]}" for name in ("cpus", "mem", "disk", "ports") if resources.get(name))

    def fresh(self) -> str:
        """From the clock, since a master remembers the frameworks of earlier runs."""
        return str(time.time_ns())

    def subscribe(self, *, framework_id: str | None = None, partition_aware: bool = False, **info: Any) -> Conversation:
        """Begin a conversation on a stream of its own."""
        capabilities = (*CAPABILITIES, "PARTITION_AWARE") if partition_aware else CAPABILITIES
        described = {
            "user": "root",
            "name": "comparison",
            "roles": ["*"],
            "capabilities": [{"type": name} for name in capabilities],
            **info,
        }
        call: Event = {"type": "SUBSCRIBE", "subscribe": {"framework_info": described}}
        if framework_id is not None:
            described["id"] = call["framework_id"] = {"value": framework_id}
        conversation = RealConversation(self, call)
        self._conversations.append(conversation)
        return conversation

    def end_all(self) -> None:
        """End every conversation that is still going on, and its framework."""
        while self._conversations:
            self._conversations.pop().end()


class RealConversation(Conversation):
    """An event stream, read by a thread of its own, and a connection for each call."""

    def __init__(self, master: RealMaster, subscribe: Event) -> None:
        super().__init__()
        self.master = master
        self.whole_cpus = master.whole_cpus
        self._arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._connection = http.client.HTTPConnection(master.host, master.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._connection.request("POST", PATH, json.dumps(subscribe), headers)
        # Its socket moves into the response, which has to be shut down for the reader to stop.
        self._socket = self._connection.sock
        self._stream = self._connection.getresponse()
        if self._stream.status != 200:
            raise ValueError(f"SUBSCRIBE was answered {self._stream.status}: {self._stream.read().decode()}")
        self._stream_id = self._stream.getheader("Mesos-Stream-Id", "")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while line := self._stream.readline():
                event = json.loads(self._stream.read(int(line)))
                self._arrived.put(dict(event, time=time.monotonic()))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass  # closed on either side
        self._arrived.put({"type": "CLOSED", "time": time.monotonic()})

    @property
    def now(self) -> float:
        return time.monotonic()

    def await_event(self, deadline: float) -> bool:
        while True:
            try:
                event = self._arrived.get(timeout=max(0.0, deadline - self.now))
            except queue.Empty:
                return False
            if event["type"] == "HEARTBEAT":
                continue
            self.events.append(flattened(event))
            if event["type"] == "UPDATE" and "uuid" in event["update"]["status"]:
                self._acknowledge(event["update"]["status"])
            return True

    def _acknowledge(self, status: Event) -> None:
        self._call("ACKNOWLEDGE", acknowledge={name: status[name] for name in ("agent_id", "task_id", "uuid")})

    def _call(self, kind: str, **fields: Any) -> None:
        body = json.dumps({"type": kind, "framework_id": {"value": self.id}, **fields})
        connection = http.client.HTTPConnection(self.master.host, self.master.port, timeout=10)
        try:
            headers = {"Content-Type": "application/json", "Mesos-Stream-Id": self._stream_id}
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 202:
                raise ValueError(f"{kind} was answered {answer.status}: {text}")
        finally:
            connection.close()

    def accept(self, offer: Event, *tasks: Wanted, more: tuple[Event, ...] = ()) -> None:
        infos = []
        for task in tasks:
            info = {
                "task_id": {"value": task.task_id},
                "name": task.task_id,
                "agent_id": {"value": task.agent or offer["agent_id"]},
                "resources": json_resources(task.resources),
            }
            if task.command is not None:
                info["command"] = {"value": task.command}
            infos.append(info)
        accept = {
            "offer_ids": [{"value": each["id"]} for each in (offer, *more)],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": infos}}],
            "filters": {"refuse_seconds": 0.0},
        }
        self._call("ACCEPT", accept=accept)

    def decline(self, offer: Event, refuse_seconds: float) -> None:
        filters = {"refuse_seconds": refuse_seconds}
        self._call("DECLINE", decline={"offer_ids": [{"value": offer["id"]}], "filters": filters})

    def suppress(self) -> None:
        self._call("SUPPRESS")

    def revive(self) -> None:
        self._call("REVIVE")

    def reconcile(self, *tasks: tuple[str, str | None]) -> None:
        asked = [
            {"task_id": {"value": task_id}, **({} if agent is None else {"agent_id": {"value": agent}})}
            for task_id, agent in tasks
        ]
        self._call("RECONCILE", reconcile={"tasks": asked})

    def kill(self, task_id: str) -> None:
        self._call("KILL", kill={"task_id": {"value": task_id}})

    def teardown(self) -> None:
        self._call("TEARDOWN")
        self._reader.join(10)  # the master closes the stream
        self._close()

    def end(self) -> None:
        """Tear the framework down if it is still connected, and close everything."""
        if self._reader.is_alive() and any(event["type"] == "SUBSCRIBED" for event in self.events):
            self._call("TEARDOWN")
        self._close()

    def leave(self) -> None:
        self._close()
        # A framework without a failover timeout is removed when the master sees the connection break.
        for _ in range(100):
            known = {framework["id"]: framework for framework in self.master.get("/frameworks")["frameworks"]}
            if not known.get(self.id, {}).get("connected"):
                return
            time.sleep(0.05)
        raise ValueError(f"the master still counts {self.id} as connected 5 s after its connection was closed")

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(10)
        self._stream.close()
        self._connection.close()
        self._socket.close()


def flattened(event: Event) -> Event:
    """An event as the comparison wants it: ids and resources as plain values."""
    flat: Event = {"type": event["type"], "time": event["time"]}
    match event["type"]:
        case "SUBSCRIBED":
            flat["framework_id"] = event["subscribed"]["framework_id"]["value"]
            flat["master_id"] = event["subscribed"]["master_info"]["id"]
        case "OFFERS":
            flat["offers"] = [
                {
                    "id": offer["id"]["value"],
                    "agent_id": offer["agent_id"]["value"],
                    "role": offer.get("allocation_info", {}).get("role"),
                    "resources": amounts(offer["resources"]),
                }
                for offer in event["offers"]["offers"]
            ]
        case "RESCIND":
            flat["offer_id"] = event["rescind"]["offer_id"]["value"]
        case "UPDATE":
            status = dict(event["update"]["status"])
            for name in ("task_id", "agent_id"):
                if name in status:
                    status[name] = status[name]["value"]
            flat["status"] = status
        case "ERROR":
            flat["message"] = event["error"]["message"]
    return flat


def amounts(resources: list[Event]) -> dict[str, Any]:
    """Resources by name: numbers, or ranges in Mesos's notation."""
    found: dict[str, Any] = {}
    for resource in resources:
        if resource["type"] == "RANGES":
            ranges = ", ".join(f"{part['begin']}-{part['end']}" for part in resource["ranges"]["range"])
            found[resource["name"]] = f"[{ranges}]"
        else:
            found[resource["name"]] = found.get(resource["name"], 0.0) + resource["scalar"]["value"]
    return found


def json_resources(text: str) -> list[Event]:
    """Scalars in Mesos's notation as the API takes them."""
    pairs = (part.split(":") for part in text.split(";") if part)
    return [{"name": name, "type": "SCALAR", "scalar": {"value": float(value)}} for name, value in pairs]
