// The reading of state pages, off the loops: a few worker lanes with a read-only database connection each,
// fed from one queue with two classes. Answers that somebody waits for (polls) go before backlog (streams
// that catch up, repairs), so that a storm of returning streams does not slow a till that polls, and the
// queue is bounded: beyond, the caller is told to come back.

import DequeModule
import Domain
import FanOut
import Journal
import Lanes
import Synchronization
import Telemetry

/// The queue was full, or what was read before has not been taken: answer 503, or `bye: overload`.
struct TooManyReads: Error {}

/// How many reads may run or wait.
struct ReadLimits: Sendable {
    /// Answers that somebody waits for.
    var answers: Int
    /// The same, of one business: its tills must not fill the queue for everybody else's.
    var answersPerBusiness: Int
    /// Pages of streams that catch up, and what is read in turn with them.
    var backlog = 16_384
    /// What those reads may hold together in a second.
    var backlogRecordsPerSecond = 100_000
}

/// What is asked of a reader.
enum ReadQuery: String, MetricLabel {
    case full, changes, since, record, records, digest, backlog
}

/// Reads of the state index on worker lanes. From any lane.
final class ReaderPool: PageSource {
    /// Which goes first.
    enum Class { case answer, backlog }

    typealias Work = @Sendable (any StateReader) -> Void

    static let readTimes = LabelledHistogram<ReadQuery>(
        "tidings_read_seconds", help: "Time of a read of the database, without its wait, by query.",
        label: "query")

    private struct Read: Sendable {
        let business: BusinessID
        let query: ReadQuery
        let work: Work
    }
    private struct Queues {
        var answers = Deque<Read>()
        var backlog = Deque<Read>()
        /// Answers of each business that run or wait, and of all.
        var ofBusiness: [BusinessID: Int] = [:]
        var inFlight = 0
        var budget: RecordBudget
        /// Somebody will look again when there is budget.
        var isPaused = false
        /// Readers with nothing to do.
        var idle: [Int]
    }

    private let readers: [Confined<any StateReader>]
    private let lanes: [WorkerLane]
    private let queues: Mutex<Queues>
    private let limits: ReadLimits

    /// - Parameter readers: At least one, each with the lane of its own on which it lives.
    init(readers: [(reader: Confined<any StateReader>, lane: WorkerLane)], limits: ReadLimits) {
        self.readers = readers.map(\.reader)
        lanes = readers.map(\.lane)
        self.limits = limits
        let budget = RecordBudget(perSecond: limits.backlogRecordsPerSecond, now: .now)
        queues = Mutex(Queues(budget: budget, idle: Array(readers.indices)))
    }

    /// How many reads wait.
    var queued: Int { queues.withLock { $0.answers.count + $0.backlog.count } }

    /// Runs `work` with a reader, later, on that reader's lane.
    ///
    /// - Throws: `TooManyReads` at once when there are too many already; `work` will not run then.
    func submit(
        _ kind: Class, _ query: ReadQuery, for business: BusinessID, _ work: @escaping Work
    ) throws(TooManyReads) {
        let read = Read(business: business, query: query, work: work)
        let (isAccepted, reader) = queues.withLock { queues -> (Bool, Int?) in
            switch kind {
            case .answer:
                let own = queues.ofBusiness[business] ?? 0
                guard queues.inFlight < limits.answers else {
                    Limit.met.add(.readsInFlight)
                    return (false, nil)
                }
                guard own < limits.answersPerBusiness else {
                    Limit.met.add(.readsInFlightPerBusiness)
                    return (false, nil)
                }
                queues.inFlight += 1
                queues.ofBusiness[business] = own + 1
                queues.answers.append(read)
            case .backlog:
                guard queues.backlog.count < limits.backlog else { return (false, nil) }
                queues.backlog.append(read)
            }
            return (true, queues.idle.popLast())
        }
        if !isAccepted { throw TooManyReads() }
        if let reader { run(on: reader) }
    }

    private enum Turn {
        case read(Read, isAnswer: Bool)
        /// Nothing to do; with a duration: look again then.
        case rest(Duration?)
    }

    /// Takes reads as long as there are some: one a turn, answers first.
    private func run(on index: Int) {
        readers[index].post { [self] reader in
            switch queues.withLock({ next(&$0, for: index) }) {
            case .read(let read, let isAnswer):
                let begun = ContinuousClock.now
                read.work(reader)
                Self.readTimes.observe(read.query, ContinuousClock.now - begun)
                if isAnswer { finished(read.business) }
                run(on: index)
            case .rest(let pause):
                guard let pause else { return }
                _ = lanes[index].after(pause) { [self] in resume() }
            }
        }
    }

    private func next(_ queues: inout Queues, for index: Int) -> Turn {
        if let answer = queues.answers.popFirst() { return .read(answer, isAnswer: true) }
        var pause: Duration?
        if !queues.backlog.isEmpty {
            pause = queues.budget.pause(now: .now)
            if pause == nil, let page = queues.backlog.popFirst() { return .read(page, isAnswer: false) }
        }
        queues.idle.append(index)
        guard pause != nil, !queues.isPaused else { return .rest(nil) }
        queues.isPaused = true
        Limit.met.add(.backlogRecordsPerSecond)
        return .rest(pause)
    }

    /// There is budget again: wakes as many readers as pages wait.
    private func resume() {
        let woken = queues.withLock { queues -> [Int] in
            queues.isPaused = false
            let count = min(queues.idle.count, queues.backlog.count)
            defer { queues.idle.removeLast(count) }
            return Array(queues.idle.suffix(count))
        }
        for index in woken { run(on: index) }
    }

    private func finished(_ business: BusinessID) {
        queues.withLock { queues in
            queues.inFlight -= 1
            let left = (queues.ofBusiness[business] ?? 1) - 1
            queues.ofBusiness[business] = left == 0 ? nil : left
        }
    }

    /// Charges records that were read as an answer to the budget of backlogs.
    func spend(_ records: Int) { queues.withLock { $0.budget.spend(records) } }

    /// Charges what a walk over ids and versions costs: about a sixteenth of reading the records.
    func spend(walked entries: Int) { spend((entries + 15) / 16) }

    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void
    ) {
        do {
            try submit(.backlog, .backlog, for: scope.business) { [self] reader in
                let page = Result { try reader.page(after: token, scope: scope, limit: limit) }
                if case .success(let delta) = page { spend(delta.recordCount) }
                completion(page)
            }
        } catch {
            completion(.failure(error))
        }
    }
}
