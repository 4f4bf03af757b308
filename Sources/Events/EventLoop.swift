// The third of three trusted files: `@unchecked Sendable` is right here because the tray is behind a mutex,
// the owner is atomic, and everything else (the base, the wake event) is touched by the loop's own thread, or
// before that thread starts and after it has ended. `event_active` is the one libevent call made from other
// threads; `evthread_use_pthreads` makes it safe.
//
// A wake event has no descriptor, and a base without descriptors ends at once: hence EVLOOP_NO_EXIT_ON_EMPTY.

import CLibevent
import CLinux
import Glibc
public import Lanes
import Synchronization
public import Telemetry

/// A thread that owns sockets and never blocks. Posting is from any lane; the rest lives on its own thread.
@safe public final class EventLoop: TimedLane, @unchecked Sendable {
    public let name: String

    private struct Job: @unchecked Sendable { let run: () -> Void }
    private let tray = Mutex<[Job]>([])
    private let owner = Atomic<UInt>(0)
    private let base: OpaquePointer
    private var wakeEvent: OpaquePointer?
    private let longestTurn = Atomic<Int64>(0)
    private static let turns = Histogram(
        "tidings_loop_turn_seconds",
        help: "How long posted work, or a batch of ready sockets, kept its loop at a stretch.")
    /// What `/metrics` shows of this module.
    public static var metrics: [any Metric] { [turns] }
    private var poll: SocketPoll?
    /// What sockets of this loop read into, one after another.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1_024, alignment: 16)

    private static let threading: Int32 = evthread_use_pthreads()

    /// Starts the thread.
    ///
    /// - Parameter name: At most 15 characters; shown by `top -H`.
    public init(name: String) {
        precondition(Self.threading == 0, "libevent was built without threads")
        self.name = name
        // Its timers are exact to milliseconds, finer than ours; exacter ones cost a system call a turn.
        guard let base = unsafe event_base_new() else { preconditionFailure("no event base") }
        unsafe self.base = base
        unsafe wakeEvent = event_new(
            base, -1, 0,
            { _, _, context in
                guard let context = unsafe context else { return }
                let loop = unsafe Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue()
                _ = loop.drain()
            }, Unmanaged.passUnretained(self).toOpaque())
        // Now, not with the first socket: by then a crowd may have taken the last descriptor.
        poll = unsafe SocketPoll(base: base, of: self)
        startThread()
    }

    deinit {
        poll = nil  // its event is the base's
        if let wakeEvent = unsafe wakeEvent { unsafe event_free(wakeEvent) }
        unsafe event_base_free(base)
        unsafe readBuffer.deallocate()
    }

    public var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// How much work waits. From anywhere.
    public var trayLength: Int { tray.withLock { $0.count } }

    public func post(_ work: sending @escaping () -> Void) {
        let job = Job(run: work)
        let wasEmpty = tray.withLock { tray in
            defer { tray.append(job) }
            return tray.isEmpty
        }
        if wasEmpty, let wakeEvent = unsafe wakeEvent { unsafe event_active(wakeEvent, 0, 0) }
    }

    public func after(_ delay: Duration, _ work: @escaping () -> Void) -> any Alarm {
        unsafe LoopTimer(base: base, after: delay, work)
    }

    /// The longest time one batch of work kept the loop busy since last asked. From anywhere.
    public func takeLongestTurn() -> Duration { .nanoseconds(longestTurn.exchange(0, ordering: .relaxed)) }

    /// Ends the thread once the tray is empty. From anywhere.
    public func stop() {
        post { [self] in unsafe event_base_loopbreak(base) }
    }

    /// Runs `body` with the event base. On this loop only: how the parts of this target make their events.
    func withBase<Result>(_ body: (OpaquePointer) throws -> Result) rethrows -> Result {
        precondition(isCurrent, "an event was made off its loop")
        return try unsafe body(base)
    }

    /// The sockets of this loop. On this loop only.
    var sockets: SocketPoll {
        precondition(isCurrent, "a socket was touched off its loop")
        guard let poll else { preconditionFailure("a socket was touched after its loop had ended") }
        return poll
    }

    private func startThread() {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self)
        let failure = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        precondition(failure == 0, "pthread_create: errno \(failure)")
        pthread_detach(thread)
    }

    private func run() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        _ = unsafe clinux_name_thread(String(name.prefix(15)))
        unsafe event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
        while drain() {}  // A loop ends only with an empty tray.
    }

    private func drain() -> Bool {
        var jobs: [Job] = []
        tray.withLock { swap(&$0, &jobs) }
        guard !jobs.isEmpty else { return false }
        let start = ContinuousClock.now
        for job in jobs { job.run() }
        turned(since: start)
        // Work that posts work must not keep sockets and timers waiting: they are looked at before its turn
        // comes.
        if trayLength > 0 { unsafe event_base_loopcontinue(base) }
        return true
    }

    /// Notes how long a batch of work kept the loop.
    func turned(since start: ContinuousClock.Instant) {
        let took = ContinuousClock.now - start
        Self.turns.observe(took)
        let (seconds, attoseconds) = took.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        if nanoseconds > longestTurn.load(ordering: .relaxed) {
            longestTurn.store(nanoseconds, ordering: .relaxed)
        }
    }
}
