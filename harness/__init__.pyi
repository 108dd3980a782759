"""Types of what ``import harness`` offers; a test compares this list with the lazy one."""

from harness.cluster import Cluster as Cluster
from harness.doubles import (
    ANY as ANY,
)
from harness.doubles import (
    Expect as Expect,
)
from harness.doubles import (
    MockAllocator as MockAllocator,
)
from harness.doubles import (
    MockAuthorizer as MockAuthorizer,
)
from harness.doubles import (
    MockExecutor as MockExecutor,
)
from harness.doubles import (
    MockRateLimiter as MockRateLimiter,
)
from harness.doubles import (
    MockRegistrar as MockRegistrar,
)
from harness.doubles import (
    MockScheduler as MockScheduler,
)
from harness.doubles import (
    accept_all as accept_all,
)
from harness.doubles import (
    call as call,
)
from harness.doubles import (
    contains as contains,
)
from harness.doubles import (
    decline_offers as decline_offers,
)
from harness.doubles import (
    delayed as delayed,
)
from harness.doubles import (
    do_all as do_all,
)
from harness.doubles import (
    forward as forward,
)
from harness.doubles import (
    has as has,
)
from harness.doubles import (
    hold as hold,
)
from harness.doubles import (
    ignore as ignore,
)
from harness.doubles import (
    in_sequence as in_sequence,
)
from harness.doubles import (
    launch_tasks as launch_tasks,
)
from harness.doubles import (
    make_task as make_task,
)
from harness.doubles import (
    not_ as not_,
)
from harness.doubles import (
    one_of as one_of,
)
from harness.doubles import (
    predicate as predicate,
)
from harness.doubles import (
    raises as raises,
)
from harness.doubles import (
    returns as returns,
)
from harness.doubles import (
    satisfy as satisfy,
)
from harness.doubles import (
    send_status as send_status,
)
from harness.doubles import (
    total as total,
)
from harness.durations import (
    Duration as Duration,
)
from harness.durations import (
    hours as hours,
)
from harness.durations import (
    microseconds as microseconds,
)
from harness.durations import (
    milliseconds as milliseconds,
)
from harness.durations import (
    minutes as minutes,
)
from harness.durations import (
    nanoseconds as nanoseconds,
)
from harness.durations import (
    seconds as seconds,
)
from harness.errors import (
    DeadlockError as DeadlockError,
)
from harness.errors import (
    ExpectationError as ExpectationError,
)
from harness.errors import (
    FlagError as FlagError,
)
from harness.errors import (
    FutureFailed as FutureFailed,
)
from harness.errors import (
    HarnessError as HarnessError,
)
from harness.errors import (
    InternalError as InternalError,
)
from harness.errors import (
    InvariantError as InvariantError,
)
from harness.errors import (
    LivelockError as LivelockError,
)
from harness.errors import (
    MisuseError as MisuseError,
)
from harness.errors import (
    NondeterminismError as NondeterminismError,
)
from harness.errors import (
    ProcessError as ProcessError,
)
from harness.errors import (
    SystemFailure as SystemFailure,
)
from harness.errors import (
    WaitTimeout as WaitTimeout,
)
from harness.exploring import Exploration as Exploration
from harness.exploring import Failure as Failure
from harness.exploring import Run as Run
from harness.exploring import explore as explore
from harness.exploring import replay as replay
from harness.handles import AgentHandle as AgentHandle
from harness.handles import FrameworkHandle as FrameworkHandle
from harness.handles import MasterHandle as MasterHandle
from harness.mesos.allocator import (
    Allocator as Allocator,
)
from harness.mesos.allocator import (
    AllocatorLab as AllocatorLab,
)
from harness.mesos.allocator import (
    FrameworkOptions as FrameworkOptions,
)
from harness.mesos.allocator import (
    HierarchicalAllocator as HierarchicalAllocator,
)
from harness.mesos.allocator import (
    Options as Options,
)
from harness.mesos.allocator import (
    Quota as Quota,
)
from harness.mesos.resources import Resources as Resources
from harness.proving import Proof as Proof
from harness.proving import prove as prove
from harness.simulation import (
    Address as Address,
)
from harness.simulation import (
    Choice as Choice,
)
from harness.simulation import (
    Clock as Clock,
)
from harness.simulation import (
    Future as Future,
)
from harness.simulation import (
    Limits as Limits,
)
from harness.simulation import (
    Process as Process,
)
from harness.simulation import (
    Promise as Promise,
)
from harness.simulation import (
    Strategy as Strategy,
)
from harness.simulation import (
    World as World,
)
from harness.simulation import (
    handles as handles,
)

__version__: str
