// Follows the journal. A wake is a hint, the poll is the promise:
//
//     a write to the -wal ──► looks for its commit, at pauses that `Anticipation` decides, until it is there
//     nothing at all      ──► every 500 ms
//
// inotify fires before the commit is visible, and nothing fires afterwards: reading once per event saw 1,498
// of 1,500 commits only at the next one. Each look reads one snapshot: what is committed later was written
// after it began and is announced to the next, or is still awaited. No snapshot is open while the sink works.

public import Domain
public import Lanes

/// Paces of the tailer.
public struct TailerSettings: Sendable {
    /// The pause after the first look for a commit whose write was announced.
    public var poll = Duration.microseconds(200)
    public var safetyPoll = Duration.milliseconds(500)
    /// Rows of one business in one snapshot beyond which it is read as pages.
    public var rowsMax = 2_000

    public init() {}
}

/// How the tailing goes.
public struct TailerStatus: Hashable, Sendable {
    /// Nil until the first opening succeeded.
    public var head: Head?
    /// What went wrong last, while it still does.
    public var failure: String?
    public var snapshots = 0
    public var rows = 0
    public var histories = 0

    public init() {}
}

/// Reads snapshots and hands them to its sink. Lives on its worker lane, and may block there.
public final class Tailer {
    private let source: any ChangeSource
    private let sink: any TailSink
    private let lane: any TimedLane
    private let settings: TailerSettings
    private let wasWritten: () -> Bool
    private let report: (TailerStatus) -> Void
    private var position: Head?
    private var anticipation: Anticipation
    private var alarm: (any Alarm)?
    /// When the alarm rings.
    private var due = ContinuousClock.now
    private var isStopped = false
    private var failures = 0
    private var status = TailerStatus() {
        didSet { if status != oldValue { report(status) } }
    }

    /// - Parameters:
    ///   - wasWritten: Whether a write was announced since it was asked before.
    ///   - report: Told of every change of the status, on the lane.
    public init(
        source: any ChangeSource, sink: any TailSink, lane: any TimedLane, settings: TailerSettings,
        wasWritten: @escaping () -> Bool, report: @escaping (TailerStatus) -> Void
    ) {
        self.source = source
        self.sink = sink
        self.lane = lane
        self.settings = settings
        self.wasWritten = wasWritten
        self.report = report
        anticipation = Anticipation(poll: settings.poll, longest: settings.safetyPoll)
    }

    /// Opens the journal and follows it from its head on.
    public func start() { turn() }

    /// Somebody may be committing: look soon, and closely until it is seen. On the lane.
    public func wake() {
        // Whoever writes all the time must not put off the look that would find it.
        guard ContinuousClock.now + anticipation.first < due else { return }
        anticipation.announced()
        turn(after: anticipation.first)
    }

    /// Something was committed in this process, and can be seen: look now. On the lane.
    public func committed() { turn() }

    /// The database is another one: open it anew, now.
    public func restart() {
        position = nil
        turn()
    }

    /// Reads no more.
    public func stop() {
        isStopped = true
        alarm?.cancel()
    }

    private func turn(after pause: Duration) {
        guard !isStopped else { return }
        alarm?.cancel()
        due = .now + pause
        alarm = lane.after(pause) { [weak self] in self?.turn() }
    }

    /// One look, and the alarm for the next.
    private func turn() {
        guard !isStopped else { return }
        // Asked before looking: what is written from here on is announced to the next look.
        let isAnnounced = wasWritten()
        var pause = settings.safetyPoll
        do {
            let isSettled = try isAnnounced && source.isSettled()
            let isFound = try look()
            failures = 0
            if status.failure != nil { status.failure = nil }
            let look = Anticipation.Look(isAnnounced: isAnnounced, isSettled: isSettled, isFound: isFound)
            pause = anticipation.pause(after: look) ?? settings.safetyPoll
        } catch let change as HistoryChanged {
            status.failure = "\(change.why)"
            position = nil
            pause = settings.poll
            // Its announcement was taken, and is made once.
            if isAnnounced { anticipation.announced() }
        } catch {
            failures += 1
            status.failure = "\(error)"
            if isAnnounced { anticipation.announced() }
            // Twice as long each time, up to the safety poll: a locked or full disk is not helped by asking.
            pause = min(settings.safetyPoll, settings.poll * (1 << min(failures, 12)))
        }
        turn(after: pause)
    }

    /// - Returns: Whether anything new was there, of a table that is journaled or another.
    private func look() throws -> Bool {
        if position == nil {
            let head = try source.open()
            position = head
            status.head = head
            status.histories += 1
            sink.historyBegan(at: head)
        }
        guard let from = position,
            let snapshot = try source.read(after: from, interest: sink.interest, rowsMax: settings.rowsMax)
        else { return false }
        if snapshot.head.seq > from.seq {
            position = snapshot.head
            sink.publish(snapshot)
            var now = status
            now.head = snapshot.head
            now.snapshots += 1
            now.rows += snapshot.rows.count
            status = now
        }
        return true
    }
}
