"""The named scenarios, and what each is meant to show."""

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

SLOW = "+slow"  # a subject "ringcast+slow" is ringcast with one subscriber that never reads
SSE = "+sse"  # and "ringcast+sse" is ringcast over SSE, beside what it does over WebSocket


@dataclass(frozen=True)
class Claim:
    """A bound on a figure of medians. `value` takes {subject: {metric: median}} and raises
    KeyError or
    TypeError when a figure it needs is missing."""

    text: str
    value: Callable[[Dict[str, Dict[str, float]]], float]
    at_least: Optional[float] = None
    at_most: Optional[float] = None

    def bound(self):
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def holds(self, value):
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most


@dataclass(frozen=True)
class Scenario:
    name: str
    text: str
    metrics: Tuple[str, ...]
    load: Dict[str, float] = field(default_factory=dict)  # flags of ringload
    floor: Optional[Dict[str, float]] = None  # flags of floor, or None: it says nothing here
    peers: Tuple[str, ...] = ("nchan", "fastapi", "node")
    claims: Tuple[Claim, ...] = ()
    idle: int = 0  # this many silent subscribers instead of a load
    cores: Tuple[int, ...] = (0,)
    descriptors: Optional[int] = None
    slow_variant: bool = False
    sse_variant: bool = False
    transport: str = "sse"  # what ringload speaks
    ours: str = "ringcast"  # the subject that the others are compared with
    memory: bool = False  # memory is sampled during the load

    def subjects(self, wanted_peers) -> List[str]:
        names = [self.ours]
        if self.slow_variant:
            names.append(self.ours + SLOW)
        if self.sse_variant:
            names.append(self.ours + SSE)
        names += [peer for peer in wanted_peers if peer in self.peers]
        if self.floor is not None:
            names.append("floor")
        return names

    @property
    def words(self):
        """What deliveries and subscribers are called here."""
        if self.transport == "mcp":
            return {"deliveries": "calls", "delivery": "call", "subscriber": "session"}
        if "echo" in self.load or "control" in self.load:
            return {"deliveries": "round trips", "delivery": "round trip"}
        return {}


def ratio(metric, above, below):
    return lambda figures: figures[above][metric] / figures[below][metric]


def figure(metric, subject="ringcast"):
    return lambda figures: figures[subject][metric]


def more(metric, above, below):
    return lambda figures: figures[above][metric] - figures[below][metric]


def worst_wrong(figures):
    return max(known["wrong"] for name, known in figures.items() if name.startswith(OURS))


OURS = ("ringcast", "ws_echo", "mcp_echo")
NOTHING_LOST = Claim("events lost, double, out of order or altered", worst_wrong, at_most=0)
THROUGHPUT = ("deliveries_per_s", "cpu_ns", "p99_us")
LATENCY = ("cpu_ns", "p50_us", "p99_us")

# In the runs that tell what a server costs, the load polls: on loopback a server would also pay for
# waking its clients, and more the more often they sleep, that is, the better it serves them. How
# soon a single event arrives is measured with clients that sleep.
POLL = {"poll": True}


def fan_out(publishers):
    return {
        "subscribers": 1000,
        "publishers": publishers,
        "topics": 1,
        "size": 128,
        "window": 64,
        **POLL,
    }


STEADY = {"subscribers": 1000, "publishers": 16, "topics": 1, "size": 128, "rate": 100, **POLL}
STEADY_FLOOR = {"subscribers": 1000, "size": 128, "rate": 100, **POLL}


LIKE_SSE = (
    Claim(
        "deliveries/s, of those over SSE",
        ratio("deliveries_per_s", "ringcast", "ringcast" + SSE),
        at_least=0.9,
    ),
    Claim(
        "server CPU per delivery, of that over SSE",
        ratio("cpu_ns", "ringcast", "ringcast" + SSE),
        at_most=1.1,
    ),
    NOTHING_LOST,
)


ECHO = (
    Claim(
        "round trips/s, times those of node's ws",
        ratio("deliveries_per_s", "ws_echo", "node"),
        at_least=5,
    ),
    NOTHING_LOST,
)


def echo(name, size, pipeline):
    """Several messages under way on each connection: with one, the kernel's send and receive are
    most of what either server costs."""
    return Scenario(
        name,
        f"echo of {size} bytes on 100 connections, {pipeline} messages under way on each",
        THROUGHPUT,
        {"echo": size, "connections": 100, "pipeline": pipeline},
        transport="ws",
        ours="ws_echo",
        peers=("fastapi", "node"),
        claims=ECHO,
    )


def mcp(name, connections, claims):
    return Scenario(
        name,
        f"calls of an MCP tool that echoes 64 bytes, {connections} at a time on connections of "
        "their own",
        ("deliveries_per_s", "cpu_ns", "p50_us", "p99_us", "answer_bytes"),
        {"connections": connections, "size": 64},
        transport="mcp",
        ours="mcp_echo",
        peers=("mcpsdk", "nginx"),
        claims=(*claims, Claim("calls lost, altered or failed", worst_wrong, at_most=0)),
    )


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "fanout32",
            "1000 subscribers, 32 publishers, 128 bytes, 64 events outstanding",
            THROUGHPUT,
            fan_out(32),
            {"subscribers": 1000, "size": 128, **POLL},
            claims=(
                Claim(
                    "deliveries/s, times nchan's",
                    ratio("deliveries_per_s", "ringcast", "nchan"),
                    at_least=25,
                ),
                Claim(
                    "server CPU per delivery, of nchan's",
                    ratio("cpu_ns", "ringcast", "nchan"),
                    at_most=0.03,
                ),
                NOTHING_LOST,
            ),
        ),
        Scenario(
            "fanout1",
            "1000 subscribers, 1 publisher, 128 bytes, 64 events outstanding",
            THROUGHPUT,
            fan_out(1),
            {"subscribers": 1000, "size": 128, **POLL},
            claims=(
                Claim(
                    "deliveries/s, times nchan's",
                    ratio("deliveries_per_s", "ringcast", "nchan"),
                    at_least=4,
                ),
                NOTHING_LOST,
            ),
        ),
        Scenario(
            "steady",
            "1000 subscribers, 128 bytes, 100 events/s, open loop",
            LATENCY,
            STEADY,
            STEADY_FLOOR,
            claims=(
                Claim(
                    "server CPU per delivery, of the floor's send",
                    ratio("cpu_ns", "ringcast", "floor"),
                    at_most=1.15,
                ),
                Claim(
                    "server CPU per delivery, of nchan's",
                    ratio("cpu_ns", "ringcast", "nchan"),
                    at_most=0.55,
                ),
                Claim("p99, of nchan's", ratio("p99_us", "ringcast", "nchan"), at_most=0.6),
                NOTHING_LOST,
            ),
        ),
        Scenario(
            "isolated",
            "100 subscribers, 128 bytes, 200 events/s, open loop",
            LATENCY,
            {"subscribers": 100, "publishers": 16, "topics": 1, "size": 128, "rate": 200},
            {"subscribers": 100, "size": 128, "rate": 200},
            claims=(
                Claim("p50, of nchan's", ratio("p50_us", "ringcast", "nchan"), at_most=0.8),
                NOTHING_LOST,
            ),
        ),
        Scenario(
            "idle",
            "10,000 silent subscribers: user memory of each",
            ("anon_per_subscriber", "held", "with_event"),
            idle=10_000,
            claims=(
                Claim(
                    "bytes of user memory per subscriber",
                    figure("anon_per_subscriber"),
                    at_most=512,
                ),
                Claim(
                    "subscribers that got the event at the end",
                    figure("with_event"),
                    at_least=10_000,
                ),
            ),
        ),
        Scenario(
            "idle30k",
            "30,000 silent subscribers on two cores, descriptor limit 20,000",
            ("anon_per_subscriber", "held", "with_event"),
            idle=30_000,
            cores=(0, 1),
            descriptors=20_000,
            peers=(),
            claims=(
                Claim("subscribers held", figure("held"), at_least=30_000),
                Claim(
                    "subscribers that got the event at the end",
                    figure("with_event"),
                    at_least=30_000,
                ),
            ),
        ),
        Scenario(
            "topics10k",
            "10,000 topics with a subscriber each, 128 bytes, 20,000 events/s in all",
            ("deliveries_per_s", "cpu_ns", "p99_us", "bytes_per_topic"),
            {
                "subscribers": 10_000,
                "publishers": 64,
                "topics": 10_000,
                "size": 128,
                "rate": 20_000,
                "ramp": 4000,
            },
            peers=("nchan",),
            memory=True,
            claims=(
                NOTHING_LOST,
                Claim("events/s published", figure("events_per_s"), at_least=19_600),
                Claim("bytes of memory per topic", figure("bytes_per_topic"), at_most=8192),
            ),
        ),
        Scenario(
            "slowreader",
            "steady, without and with one more subscriber that never reads",
            ("cpu_ns", "p50_us", "p99_us", "anon_growth"),
            STEADY,
            peers=(),
            slow_variant=True,
            memory=True,
            claims=(
                Claim(
                    "p99 with the slow reader, of without",
                    ratio("p99_us", "ringcast" + SLOW, "ringcast"),
                    at_most=1.1,
                ),
                Claim(
                    "bytes of user memory the slow reader adds",
                    more("anon_growth", "ringcast" + SLOW, "ringcast"),
                    at_most=1 << 20,
                ),
                NOTHING_LOST,
            ),
        ),
        Scenario(
            "ws32",
            "1000 WebSocket subscribers, 32 publishers, 128 bytes, 64 events outstanding",
            THROUGHPUT,
            fan_out(32),
            transport="ws",
            sse_variant=True,
            claims=LIKE_SSE,
        ),
        Scenario(
            "ws1",
            "1000 WebSocket subscribers, 1 publisher, 128 bytes, 64 events outstanding",
            THROUGHPUT,
            fan_out(1),
            transport="ws",
            sse_variant=True,
            claims=LIKE_SSE,
        ),
        Scenario(
            "wsidle",
            "10,000 silent WebSocket subscribers: user memory of each",
            ("anon_per_subscriber", "held", "with_event"),
            transport="ws",
            idle=10_000,
            claims=(
                Claim(
                    "bytes of user memory per subscriber",
                    figure("anon_per_subscriber"),
                    at_most=614,
                ),
                Claim(
                    "subscribers that got the event at the end",
                    figure("with_event"),
                    at_least=10_000,
                ),
            ),
        ),
        echo("wsecho", 64, 16),
        echo("wsecho16k", 16384, 4),
        Scenario(
            "control",
            "1000 commands/s from 100 callers to a worker, and its answers back",
            LATENCY,
            {"control": True, "connections": 100, "rate": 1000},
            transport="ws",
            peers=(),
            claims=(
                Claim("p99 of a command's way and back, µs", figure("p99_us"), at_most=1000),
                NOTHING_LOST,
            ),
        ),
        mcp(
            "mcp32",
            32,
            (
                Claim(
                    "calls/s, times those of the TypeScript SDK",
                    ratio("deliveries_per_s", "mcp_echo", "mcpsdk"),
                    at_least=20,
                ),
                Claim(
                    "calls/s, of nginx's constant answers",
                    ratio("deliveries_per_s", "mcp_echo", "nginx"),
                    at_least=0.95,
                ),
                Claim(
                    "server CPU per call, of nginx's",
                    ratio("cpu_ns", "mcp_echo", "nginx"),
                    at_most=1.0,
                ),
            ),
        ),
        mcp(
            "mcp1",
            1,
            (Claim("p50, of nginx's", ratio("p50_us", "mcp_echo", "nginx"), at_most=1.1),),
        ),
        Scenario(
            "mcpidle",
            "10,000 silent MCP sessions, each with an open stream: user memory of each",
            ("anon_per_subscriber", "held"),
            transport="mcp",
            idle=10_000,
            ours="mcp_echo",
            peers=(),
            claims=(
                Claim(
                    "bytes of user memory per session",
                    figure("anon_per_subscriber", "mcp_echo"),
                    at_most=2048,
                ),
                Claim("sessions held", figure("held", "mcp_echo"), at_least=10_000),
            ),
        ),
    )
}
