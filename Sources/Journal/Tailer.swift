// Follows the journal. A wake is a hint, the poll is the promise:
//
//     a write to the -wal ──► now, then every 0.5 ms until its commit is there, for at most 50 ms
//     it is there         ──► after 1, 2, 4 … ms
//     nothing at all      ──► every 500 ms
//
// inotify fires before the commit is visible, and nothing fires afterwards: reading once per event saw 1,498
// of 1,500 commits only at the next one. Writers take turns: what was committed before a write can be seen
// when the write is announced, and what is found later is its own. Reading is repeated until nothing new is
// there, one snapshot at a time, and no snapshot is open while the sink works.

public import Domain
public import Lanes

/// Paces of the tailer.
public struct TailerSettings: Sendable {
    /// For how long a commit is looked for after its write.
    public var window = Duration.milliseconds(50)
    public var poll = Duration.microseconds(500)
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
    private let report: (TailerStatus) -> Void
    private var position: Head?
    private var windowEnds = ContinuousClock.now
    /// A write was announced whose commit was not seen yet.
    private var isAwaited = false
    /// The last pause of a window in which nobody is awaited.
    private var rest = Duration.zero
    private var alarm: (any Alarm)?
    private var isStopped = false
    private var failures = 0
    /// News was announced and not read yet: the source says it once.
    private var owesRead = true
    private var status = TailerStatus() {
        didSet { if status != oldValue { report(status) } }
    }

    /// - Parameter report: Told of every change of the status, on the lane.
    public init(
        source: any ChangeSource, sink: any TailSink, lane: any TimedLane, settings: TailerSettings,
        report: @escaping (TailerStatus) -> Void
    ) {
        self.source = source
        self.sink = sink
        self.lane = lane
        self.settings = settings
        self.report = report
    }

    /// Opens the journal and follows it from its head on.
    public func start() { turn() }

    /// Somebody may be committing: look now, and closely until it is seen. On the lane.
    public func wake() {
        windowEnds = ContinuousClock.now + settings.window
        turn(isAnnounced: true)
    }

    /// Something was committed in this process, and can be seen: look now. On the lane.
    public func committed() { turn() }

    /// The database is another one: open it anew, now.
    public func restart() {
        position = nil
        owesRead = true
        turn()
    }

    /// Reads no more.
    public func stop() {
        isStopped = true
        alarm?.cancel()
    }

    /// One look, and the alarm for the next.
    private func turn(isAnnounced: Bool = false) {
        guard !isStopped else { return }
        alarm?.cancel()
        if isAnnounced { isAwaited = true }
        var pause = settings.safetyPoll
        do {
            let isFound = try look()
            failures = 0
            if status.failure != nil { status.failure = nil }
            if isFound && !isAnnounced { isAwaited = false }
            rest = isAwaited || isFound ? settings.poll : min(rest * 2, settings.safetyPoll)
            if windowEnds > ContinuousClock.now { pause = rest }
        } catch let change as HistoryChanged {
            status.failure = "\(change.why)"
            position = nil
            pause = settings.poll
        } catch {
            failures += 1
            status.failure = "\(error)"
            // Twice as long each time, up to the safety poll: a locked or full disk is not helped by asking.
            pause = min(settings.safetyPoll, settings.poll * (1 << min(failures, 10)))
        }
        alarm = lane.after(pause) { [weak self] in self?.turn() }
    }

    /// - Returns: Whether anything new was there.
    private func look() throws -> Bool {
        if position == nil {
            let head = try source.open()
            position = head
            status.head = head
            status.histories += 1
            sink.historyBegan(at: head)
        }
        if try source.hasNews() { owesRead = true }
        guard owesRead else { return false }
        let begun = position
        while let from = position {
            let snapshot = try source.read(after: from, interest: sink.interest, rowsMax: settings.rowsMax)
            guard snapshot.head.seq > from.seq else { break }
            position = snapshot.head
            sink.publish(snapshot)
            status.head = snapshot.head
            status.snapshots += 1
            status.rows += snapshot.rows.count
        }
        owesRead = false
        return position != begun
    }
}
