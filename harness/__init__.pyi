"""Types of what ``import harness`` offers; a test compares this list with the lazy one."""

from harness.cluster import Cluster as Cluster
from harness.doubles import (
    ANY as ANY,
    Expect as Expect,
    MockAllocator as MockAllocator,
    MockAuthorizer as MockAuthorizer,
    MockExecutor as MockExecutor,
    MockRateLimiter as MockRateLimiter,
    MockRegistrar as MockRegistrar,
    MockScheduler as MockScheduler,
    accept_all as accept_all,
    call as call,
    contains as contains,
    decline_offers as decline_offers,
    delayed as delayed,
    do_all as do_all,
    forward as forward,
    has as has,
    hold as hold,
    ignore as ignore,
    in_sequence as in_sequence,
    launch_tasks as launch_tasks,
    make_task as make_task,
    not_ as not_,
    one_of as one_of,
    predicate as predicate,
    raises as raises,
    returns as returns,
    satisfy as satisfy,
    send_status as send_status,
    total as total,
)
from harness.durations import (
    Duration as Duration,
    hours as hours,
    microseconds as microseconds,
    milliseconds as milliseconds,
    minutes as minutes,
    nanoseconds as nanoseconds,
    seconds as seconds,
)
from harness.errors import (
    DeadlockError as DeadlockError,
    ExpectationError as ExpectationError,
    FlagError as FlagError,
    FutureFailed as FutureFailed,
    HarnessError as HarnessError,
    InternalError as InternalError,
    InvariantError as InvariantError,
    LivelockError as LivelockError,
    MisuseError as MisuseError,
    NondeterminismError as NondeterminismError,
    ProcessError as ProcessError,
    SystemFailure as SystemFailure,
    WaitTimeout as WaitTimeout,
)
from harness.exploring import Exploration as Exploration, Failure as Failure, Run as Run, explore as explore, replay as replay
from harness.proving import Proof as Proof, prove as prove
from harness.handles import AgentHandle as AgentHandle, FrameworkHandle as FrameworkHandle, MasterHandle as MasterHandle
from harness.mesos.allocator import (
    Allocator as Allocator,
    AllocatorLab as AllocatorLab,
    FrameworkOptions as FrameworkOptions,
    HierarchicalAllocator as HierarchicalAllocator,
    Options as Options,
    Quota as Quota,
)
from harness.mesos.resources import Resources as Resources
from harness.simulation import (
    Address as Address,
    Choice as Choice,
    Clock as Clock,
    Future as Future,
    Limits as Limits,
    Process as Process,
    Promise as Promise,
    Strategy as Strategy,
    World as World,
    handles as handles,
)

__version__: str
