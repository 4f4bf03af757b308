// The second of three trusted files: `@unchecked Sendable` is right here because the tray is behind a mutex,
// and alarms, watches and the running flag are touched by the lane's own thread only.
//
// One poll(2) waits for all three of its reasons to wake: work posted (an eventfd, written only when the tray
// was empty), a watched descriptor, the next alarm. A condition variable could not wait for a descriptor, and
// the tailer must not take a detour through an event loop that is busy sending.

import CLinux
import Glibc
import Synchronization

/// A thread that may block: it owns a database connection. Posting is from any lane; the rest lives on its
/// own thread.
public final class WorkerLane: TimedLane, @unchecked Sendable {
    public let name: String
    private let isPrompt: Bool

    private struct Watch {
        let descriptor: Int32
        let rest: Duration
        var restsUntil: ContinuousClock.Instant
        let onReadable: () -> Void
    }
    private struct Job: @unchecked Sendable { let run: () -> Void }
    private let tray = Mutex<[Job]>([])
    private let owner = Atomic<UInt>(0)
    private let wakeDescriptor: Int32
    private var alarms: [WorkerAlarm] = []
    private var watches: [Watch] = []
    /// What poll(2) is asked, the wake-up first: kept from wait to wait.
    private var descriptors: [Int32]
    private var readable: [UInt8] = [0]
    private var isStopping = false

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - name: At most 15 characters; shown by `ps -L` and `top -H`.
    ///   - isPrompt: Whether it is to have the processor soon after it wakes, for short turns, also where
    ///     others keep the core busy: as far as the system allows.
    public init(name: String, isPrompt: Bool = false) {
        self.name = name
        self.isPrompt = isPrompt
        wakeDescriptor = clinux_eventfd()
        descriptors = [wakeDescriptor]
        precondition(wakeDescriptor >= 0, "eventfd: errno \(errno)")
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self)
        let failure = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<WorkerLane>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        precondition(failure == 0, "pthread_create: errno \(failure)")
        pthread_detach(thread)
    }

    deinit { close(wakeDescriptor) }

    public var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// How much work waits. From anywhere.
    public var trayLength: Int { tray.withLock { $0.count } }

    public func post(_ work: sending @escaping () -> Void) {
        let job = Job(run: work)
        let wasEmpty = tray.withLock { tray in
            defer { tray.append(job) }
            return tray.isEmpty
        }
        if wasEmpty { wake() }
    }

    /// Ends the thread once the tray is empty; alarms that are still waiting never run. From anywhere.
    public func stop() {
        post { [self] in isStopping = true }
    }

    public func after(_ delay: Duration, _ work: @escaping () -> Void) -> any Alarm {
        let alarm = WorkerAlarm(due: ContinuousClock.now + delay, work: work)
        alarms.append(alarm)
        return alarm
    }

    /// Calls `onReadable` whenever `descriptor` has something to read. On this lane only; for the lane's
    /// life.
    ///
    /// - Parameter rest: For how long nothing more is heard of it after a call.
    public func watch(_ descriptor: Int32, restingFor rest: Duration, onReadable: @escaping () -> Void) {
        watches.append(Watch(descriptor: descriptor, rest: rest, restsUntil: .now, onReadable: onReadable))
        descriptors.append(descriptor)
        readable.append(0)
    }

    /// What a watched descriptor has to read from here on is heard of, also within its rest. On this lane
    /// only.
    public func endRest(of descriptor: Int32) {
        guard let index = watches.firstIndex(where: { $0.descriptor == descriptor }) else { return }
        watches[index].restsUntil = .now
    }

    private func wake() {
        var one: UInt64 = 1
        _ = unsafe write(wakeDescriptor, &one, 8)
    }

    private func run() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        _ = unsafe clinux_name_thread(String(name.prefix(15)))
        if isPrompt { askForPromptness() }
        while true {
            while drain() {}
            if isStopping { break }
            let due = ring()
            if trayLength == 0 { wait(until: due) }
        }
        alarms.removeAll()
        watches.removeAll()
        while drain() {}  // A lane ends only with an empty tray.
    }

    /// Neither may be refused to be of use: a wish for short turns is anyone's, more than one's share is for
    /// whom the system lets.
    private func askForPromptness() {
        _ = clinux_turn_length(Self.promptTurn)
        _ = nice(-Self.promptNice)  // On Linux of this thread alone.
    }

    /// Nanoseconds; the shortest that Linux grants. By default it is about 3 ms.
    private static let promptTurn: Int64 = 100_000
    private static let promptNice: Int32 = 5

    private func drain() -> Bool {
        var jobs: [Job] = []
        tray.withLock { swap(&$0, &jobs) }
        for job in jobs { job.run() }
        return !jobs.isEmpty
    }

    /// Runs what is due, earliest first.
    ///
    /// - Returns: When the next will be due; nil: there is none.
    private func ring() -> ContinuousClock.Instant? {
        let now = ContinuousClock.now
        while true {
            alarms.removeAll { $0.isOver }
            guard let next = alarms.min(by: { $0.due < $1.due }) else { return nil }
            if next.due > now { return next.due }
            next.fire()
        }
    }

    private func wait(until alarm: ContinuousClock.Instant?) {
        let now = ContinuousClock.now
        var due = alarm
        for (index, watch) in watches.enumerated() {
            let isResting = watch.restsUntil > now
            descriptors[index + 1] = isResting ? -1 : watch.descriptor
            if isResting { due = min(due ?? watch.restsUntil, watch.restsUntil) }
        }
        let ready = unsafe clinux_poll_readable(
            descriptors, &readable, descriptors.count, due.map { Self.nanoseconds($0 - now) } ?? -1)
        guard ready > 0 else { return }
        if readable[0] != 0 {
            var count: UInt64 = 0
            _ = unsafe read(wakeDescriptor, &count, 8)
        }
        for index in watches.indices where readable[index + 1] != 0 {
            watches[index].restsUntil = .now + watches[index].rest
            watches[index].onReadable()
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let left = max(.zero, duration).components
        return left.seconds * 1_000_000_000 + left.attoseconds / 1_000_000_000
    }
}

/// An alarm of a worker lane. Lives on that lane.
private final class WorkerAlarm: Alarm {
    let due: ContinuousClock.Instant
    private var work: (() -> Void)?
    /// It rang or was cancelled.
    private(set) var isOver = false

    init(due: ContinuousClock.Instant, work: @escaping () -> Void) {
        self.due = due
        self.work = work
    }

    func cancel() {
        isOver = true
        work = nil
    }

    func fire() {
        let work = work
        cancel()
        work?()
    }
}
