"""Records: ids, infos, messages, registry operations."""

from __future__ import annotations

import msgspec
import pytest

import harness.mesos.messages as messages
from harness.mesos.messages import (
    AdmitSlave,
    AllocationInfo,
    Call,
    CallType,
    FrameworkInfo,
    Offer,
    PingSlaveMessage,
    SlaveID,
    SlaveInfo,
    StatusUpdateMessage,
    TaskInfo,
    TaskState,
)
from harness.mesos.messages.base import Record


def _offer(**more: object) -> Offer:
    return Offer(id="M-O0", framework_id="M-0000", slave_id="M-S0", hostname="a1", **more)  # type: ignore[arg-type]


def test_ids_are_their_text() -> None:
    """An id equals, prints as and is looked up by Mesos's text."""
    assert SlaveID("M-S0") == "M-S0"
    assert str(SlaveID("M-S0")) == f"{SlaveID('M-S0')}" == "M-S0"
    assert {SlaveID("M-S0"): 1}["M-S0"] == 1
    assert SlaveID("M-S0").value == "M-S0"


def test_records_cannot_be_changed() -> None:
    """Setting a field of a record raises."""
    with pytest.raises(AttributeError):
        _offer().id = "other"  # type: ignore[misc]


def test_records_are_values() -> None:
    """Records are equal by their fields and can be keys of a dict."""
    assert _offer() == _offer()
    assert {_offer(): 1}[_offer()] == 1
    assert _offer() != _offer(executor_ids=("e1",))


def test_records_are_built_by_keyword() -> None:
    """Positional arguments are refused."""
    with pytest.raises(TypeError):
        Offer("M-O0", "M-0000", "M-S0", "a1")  # type: ignore[misc]


def test_records_print_on_one_line_without_absent_fields() -> None:
    """Printing leaves out what is absent or default."""
    text = str(_offer(allocation_info=AllocationInfo(role="web")))
    assert text == "Offer(id=M-O0, framework_id=M-0000, slave_id=M-S0, hostname=a1, allocation_info=AllocationInfo(role=web))"
    assert str(PingSlaveMessage(connected=False)) == "PingSlaveMessage(connected=False)"


def test_replace_gives_a_changed_copy() -> None:
    """``replace`` changes the named fields only, and refuses names that are no fields."""
    info = SlaveInfo(hostname="a1")
    assert info.replace(id="M-S0") == SlaveInfo(hostname="a1", id="M-S0")
    assert info.id is None
    with pytest.raises(TypeError):
        info.replace(nonsense=1)


def test_absent_fields() -> None:
    """An absent optional field is None, an absent repeated one an empty tuple, absent resources are empty."""
    task = TaskInfo(task_id="t", slave_id="M-S0")
    assert task.executor is None
    assert task.labels == ()
    assert not task.resources


def test_every_record_is_frozen_and_outside_garbage_collection() -> None:
    """All records share the settings that make them cheap and safe to send."""
    records = [value for value in vars(messages).values() if isinstance(value, type) and issubclass(value, Record)]
    assert len(records) > 80
    for record in [*records, Call.Kill, Call.Reconcile.Task]:
        config = record.__struct_config__
        assert config.frozen, record
        assert not config.gc, record
        assert record.__doc__, record


def test_all_is_sorted_and_complete() -> None:
    """The package exports its names in order, every one of them existing."""
    assert messages.__all__ == sorted(messages.__all__)
    assert all(hasattr(messages, name) for name in messages.__all__)


def test_status_update_message_of_ids() -> None:
    """``of`` builds the nested update from ids, with a uuid that equal arguments repeat."""
    message = StatusUpdateMessage.of("M-0000", "M-S0", "t1", "TASK_RUNNING")
    assert message.update.framework_id == "M-0000"
    assert message.update.status.slave_id == message.update.slave_id == "M-S0"
    assert message.update.status.state is TaskState.TASK_RUNNING
    assert message.update.uuid == message.update.status.uuid
    assert message == StatusUpdateMessage.of("M-0000", "M-S0", "t1", TaskState.TASK_RUNNING)
    assert message.update.uuid != StatusUpdateMessage.of("M-0000", "M-S0", "t1", "TASK_FINISHED").update.uuid


def test_status_update_message_of_handles() -> None:
    """``of`` takes anything with an id, and says so when there is none yet."""

    class Handle:
        id = "M-S0"

    assert StatusUpdateMessage.of("M-0000", Handle(), "t1", "TASK_LOST").update.slave_id == "M-S0"
    Handle.id = None  # type: ignore[assignment]
    with pytest.raises(TypeError, match="has no id"):
        StatusUpdateMessage.of("M-0000", Handle(), "t1", "TASK_LOST")


def test_call_carries_one_field_for_its_type() -> None:
    """A call names its type and holds the rest under the same name."""
    call = Call(framework_id="M-0000", type=CallType.KILL, kill=Call.Kill(task_id="t1"))
    assert call.kill is not None
    assert call.kill.task_id == "t1"
    assert str(call) == "Call(type=KILL, framework_id=M-0000, kill=Kill(task_id=t1))"
    for kind in CallType:
        assert kind is CallType.TEARDOWN or kind.lower() in Call.__struct_fields__


def test_roles_of_a_framework() -> None:
    """A multi-role framework subscribes to ``roles``, any other to its one ``role``."""
    assert FrameworkInfo(role="a").subscribed_roles == ("a",)
    assert FrameworkInfo(roles=("a", "b"), capabilities=("MULTI_ROLE",)).subscribed_roles == ("a", "b")
    assert FrameworkInfo(capabilities=("MULTI_ROLE",)).subscribed_roles == ()


def test_registry_operations_are_records() -> None:
    """Registry operations carry what they write."""
    info = SlaveInfo(hostname="a1", id="M-S0")
    assert AdmitSlave(info=info).info is info
    assert isinstance(AdmitSlave(info=info), msgspec.Struct)
