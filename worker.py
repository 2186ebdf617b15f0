"""The composition root and the command line; the only file that knows Dramatiq.

`frontdesk run` is everything in one process; `frontdesk listen` and `dramatiq worker:setup` are the same parts in as many
processes as wanted. A Dramatiq message carries the id of a row and nothing else: the row is the truth, the broker rings
the bell.
"""

import asyncio
import contextlib
import queue
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import dramatiq
import structlog
import typer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import q_name
from redis import Redis

from commands import act, look, mail, quarantine, rules, template
from commands import desk as desk_commands
from commands.agent import agent, agents
from commands.clock import ticking
from commands.logs import configure_logging
from commands.output import line, stop
from commands.parts import EX_TEMPFAIL, alone, open_desk
from commands.parts import settings as read_settings
from commands.plan import plan
from commands.reconcile import reconcile
from commands.reply import reply
from commands.serve import CannotListenError, greet, serve
from commands.stages import Stages
from commands.to_solve import to_solve
from commands.token import token
from commands.why_due import why_due
from config.settings import Settings, WrongSettingError
from config.watch import DeskFile
from tickets.blobs_sweep import sweeping
from tickets.trouble import Temporary
from web.slack_socket import SocketMode

ROUTE_THREADS = 1
"""One: routing in Python and one writer in SQLite gain nothing from a second thread, and lose a fifth to switching."""
DELIVER_THREADS = 4
ERRAND_THREADS = 2
PREFETCH = 100
"""Bells fetched from memory at once; with Dramatiq's two, threads wake each other for every message."""
LOOK_MS = 50
"""So often a worker asks Redis for bells. It costs some per cent of a core in a process that has nothing to do."""
STOP_SECONDS = 10
LONGEST_QUEUE = 10_000
"""So many bells in memory are enough; the sweep rings for the rows behind them when their time comes."""

log = structlog.get_logger()

Actor = dramatiq.Actor[[int], None]


@dataclass(frozen=True, slots=True)
class Brokers:
    """Who rings for routing, delivery and errands: one Redis, or three in memory, because each may have one worker only."""

    route: dramatiq.Broker
    deliver: dramatiq.Broker
    errand: dramatiq.Broker

    @property
    def card(self) -> dramatiq.Broker:
        """Cards in Slack follow their tickets beside the deliveries."""
        return self.deliver


class PromptRedisBroker(RedisBroker):
    """Dramatiq's Redis broker, whose workers look for a bell at least every `LOOK_MS`.

    Left to itself a worker that finds none looks less and less often, down to once a second: each of the two stages between
    a message and who is told of it would begin so late. Delayed messages are never sent, so their queues may wait.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """Return a consumer that waits no longer than that."""
        delayed = queue_name != q_name(queue_name)
        return super().consume(queue_name, prefetch, timeout if delayed else min(timeout, LOOK_MS))


def make_brokers(url: str | None) -> Brokers:
    """Return the Redis broker, or in-memory ones. No middleware: an actor never fails, it writes what failed into its row."""
    if url is None:
        return Brokers(StubBroker(middleware=[]), StubBroker(middleware=[]), StubBroker(middleware=[]))
    redis = PromptRedisBroker(  # type: ignore[no-untyped-call]
        client=Redis.from_url(url, socket_connect_timeout=3, socket_timeout=15),
        middleware=[],
        maintenance_chance=100_000,  # the defaults leave a dead worker's messages lying for minutes
        heartbeat_timeout=15_000,
    )
    return Brokers(redis, redis, redis)


class Bell:
    """Rings for rows: in memory at once, over Redis in a thread of its own. A broker that is away holds up nobody.

    A bell that was not heard is rung again by the sweep.
    """

    def __init__(self, brokers: Brokers) -> None:
        self._memory = isinstance(brokers.route, StubBroker)
        self._rung: queue.SimpleQueue[tuple[Actor, Sequence[int]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._silent = False

    def start(self) -> None:
        """Begin to ring."""
        if not self._memory:
            self._thread.start()

    def stop(self) -> None:
        """Ring for what is in hand, then stop."""
        if self._thread.is_alive():
            self._rung.put(None)
            self._thread.join(STOP_SECONDS)

    def ring(self, actor: Actor, ids: Sequence[int]) -> None:
        """Ring for rows, soon; never raises."""
        if not ids:
            return
        if self._memory:
            self._send(actor, ids)
        else:
            self._rung.put((actor, ids))

    def busy(self, actor: Actor) -> bool:
        """Tell whether an actor has more than enough bells to answer; the other ones go on."""
        queues = actor.broker.queues if isinstance(actor.broker, StubBroker) else {}
        return any(waiting.qsize() > LONGEST_QUEUE for waiting in queues.values())

    def _run(self) -> None:
        while (rung := self._rung.get()) is not None:
            self._send(*rung)

    def _send(self, actor: Actor, ids: Sequence[int]) -> None:
        try:
            if not self.busy(actor):
                for number in ids:
                    actor.broker.enqueue(_message(actor, number))
            self._silent = False
        except Exception as error:  # noqa: BLE001  # whatever ails the broker, the rows stand
            if not self._silent:
                log.warning("the broker does not answer; the sweep rings again", error=str(error))
            self._silent = True


def _message(actor: Actor, number: int) -> dramatiq.Message[None]:
    """Return what `actor.send` sends, with an id made here: asking the kernel for one gives up the interpreter lock."""
    name = f"{random.getrandbits(128):032x}"  # nobody gains by guessing it
    return dramatiq.Message(actor.queue_name, actor.actor_name, (number,), {}, {}, message_id=name)


def _actor(name: str, broker: dramatiq.Broker, act: Callable[[int], None]) -> Actor:
    made: Actor = dramatiq.actor(actor_name=name, queue_name=name, broker=broker)(act)
    return made


def embedded_worker(broker: dramatiq.Broker, threads: int) -> dramatiq.Worker:
    """Return a worker of Dramatiq's for this process, not yet started."""
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.queue_prefetch = PREFETCH
    return worker


class App(Stages):
    """Everything one process owns. It runs what its context managers are entered for, and nothing after `close`."""

    def __init__(self, settings: Settings, desk: DeskFile) -> None:
        super().__init__(settings, desk, lambda stage, ids: self.bell.ring(self.actors[stage], ids))
        self.brokers = make_brokers(settings.broker_url)
        self.bell = Bell(self.brokers)
        self.actors = {name: _actor(name, getattr(self.brokers, name), act) for name, act in self.acts.items()}

    def sweep(self) -> None:
        """Ring again for every row that waits past its time, and do what time brings. Raises `Temporary`.

        A defect in one part is told, and keeps none of the others from its turn.
        """
        parts: list[Callable[[], None]] = [partial(self._ring_again, stage, due) for stage, due in self.due.items()]
        for part in (*parts, self.miss, self.look, self.tick, self.staff, self.forget):
            try:
                part()
            except Temporary:
                raise
            except Exception:
                log.exception("a part of the sweep failed, the others go on")

    def _ring_again(self, stage: str, due: Callable[[], Sequence[int]]) -> None:
        if not self.bell.busy(self.actors[stage]):
            self.bell.ring(self.actors[stage], due())

    def clock(self) -> AbstractContextManager[None]:
        """Look every second at what waits, and at the desk file, while the context lasts."""
        return ticking(self.desk.current, self.sweep)

    @contextlib.contextmanager
    def intake(self) -> Iterator[None]:
        """Run the bell and the inbox's writer."""
        self.bell.start()
        try:
            self.inbox.start()
            try:
                yield
            finally:
                self.inbox.stop()
        finally:
            self.bell.stop()

    @contextlib.contextmanager
    def workers(self) -> Iterator[None]:
        """Run Dramatiq's workers in this process, each with threads of its own: no slow relay or platform holds up routing."""
        running = [
            embedded_worker(self.brokers.route, ROUTE_THREADS),
            embedded_worker(self.brokers.deliver, DELIVER_THREADS),
            embedded_worker(self.brokers.errand, ERRAND_THREADS),
        ]
        for worker in running:
            worker.start()
        try:
            yield
        finally:
            for worker in running:
                worker.stop(timeout=STOP_SECONDS * 1000)

    def close(self) -> None:
        """Give back what is open."""
        for broker in (self.brokers.route, self.brokers.deliver, self.brokers.errand):
            broker.close()
        super().close()


def run() -> None:
    """Run the whole desk in this process: listeners, HTTP, router, notifiers."""
    _serve(embedded=True)


def listen() -> None:
    """Run the listeners, HTTP and the sweep; routing and telling is done by: dramatiq worker:setup."""
    if read_settings().broker_url is None:
        stop(
            "`listen` needs FRONTDESK_BROKER_URL=redis://…, and workers beside it; for one process use: frontdesk run",
            2,
        )
    _serve(embedded=False)


def setup() -> None:
    """Give Dramatiq's own command line its actors: `dramatiq worker:setup`."""
    settings = read_settings()
    configure_logging(settings)
    if settings.broker_url is None:
        stop("`dramatiq worker:setup` needs FRONTDESK_BROKER_URL=redis://…; for one process use: frontdesk run", 2)
    app = _open(settings)
    app.store.migrate()
    app.bell.start()
    dramatiq.set_broker(app.brokers.route)


def _open(settings: Settings) -> App:
    try:
        return App(settings, open_desk(settings.desk_file))
    except WrongSettingError as error:
        stop(str(error), 2)


def _serve(*, embedded: bool) -> None:
    settings = read_settings()
    configure_logging(settings)
    app = _open(settings)
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(app.close)
            single = embedded and app.store.sqlite
            if single:
                stack.enter_context(alone(settings.data))
            app.store.migrate()
            if single:
                app.wake()
            if embedded:
                stack.enter_context(app.workers())
            stack.enter_context(app.intake())
            stack.enter_context(app.clock())
            stack.enter_context(sweeping(app.store, app.blobs))
            signal.signal(signal.SIGHUP, lambda *_: app.desk.reload())
            ways = [notifier.describe() for notifier in app.outbox().notifiers.values()]

            def started(addresses: list[str]) -> None:
                greet(app.desk.current(), settings.desk_file, addresses, [app.store.name, *ways])

            front = app.front()
            http, beside = settings.http, {"slack": SocketMode(app.slack).run}
            ran = serve(front, app.http(front), http=http, started=started, beside=beside, reuse_port=not embedded)
            asyncio.run(ran)
    except CannotListenError as error:
        stop(str(error), 1)
    except Temporary as error:
        stop(f"{error}. See: frontdesk doctor", EX_TEMPFAIL)
    line("Stopped.")


cli = typer.Typer(
    help="Frontdesk: every message becomes a ticket, every ticket finds its department, the right agents are told.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    run,
    listen,
    desk_commands.migrate,
    desk_commands.check,
    mail.parse,
    mail.inject,
    look.tickets,
    look.ticket,
    look.why,
    why_due,
    look.outbox,
    reply,
    to_solve,
    agent,
    agents,
    token,
    plan,
    reconcile,
    desk_commands.doctor,
):
    cli.command()(command)
cli.add_typer(quarantine.cli, name="quarantine")
cli.add_typer(act.cli, name="act")
cli.add_typer(rules.cli, name="rules")
cli.add_typer(template.cli, name="template")


def main() -> None:
    """Run the command line; `python worker.py` without a command is `run`."""
    cli(args=sys.argv[1:] or ["run"] if __name__ == "__main__" else None)


if __name__ == "__main__":
    main()
