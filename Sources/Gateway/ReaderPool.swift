// The reading of state pages, off the loops: a few worker lanes with a read-only database connection each,
// fed from one queue with two classes. Answers that somebody waits for (polls) go before backlog (streams
// that catch up), so that a storm of returning streams does not slow a till that polls, and the queue is
// bounded: beyond, the caller is told to come back.

import DequeModule
import Domain
import FanOut
import Journal
import Lanes
import Synchronization

/// The queue was full: answer 503, or `bye: overload`.
struct TooManyReads: Error {}

/// How many reads may run or wait.
struct ReadLimits: Sendable {
    /// Answers that somebody waits for.
    var answers: Int
    /// The same, of one business: its tills must not fill the queue for everybody else's.
    var answersPerBusiness: Int
    /// Pages of streams that catch up.
    var backlog = 16_384
}

/// Reads of the state index on worker lanes. From any lane.
final class ReaderPool: PageSource {
    /// Which goes first.
    enum Class { case answer, backlog }

    typealias Work = @Sendable (any StateReader) -> Void

    private struct Read: Sendable {
        let business: BusinessID
        let work: Work
    }
    private struct Queues {
        var answers = Deque<Read>()
        var backlog = Deque<Read>()
        /// Answers of each business that run or wait, and of all.
        var ofBusiness: [BusinessID: Int] = [:]
        var inFlight = 0
        /// Readers with nothing to do.
        var idle: [Int]
    }

    private let readers: [Confined<any StateReader>]
    private let queues: Mutex<Queues>
    private let limits: ReadLimits

    /// - Parameter readers: At least one, each on a lane of its own.
    init(readers: [Confined<any StateReader>], limits: ReadLimits) {
        self.readers = readers
        self.limits = limits
        queues = Mutex(Queues(idle: Array(readers.indices)))
    }

    /// How many reads wait.
    var queued: Int { queues.withLock { $0.answers.count + $0.backlog.count } }

    /// Runs `work` with a reader, later, on that reader's lane.
    ///
    /// - Throws: `TooManyReads` at once when there are too many already; `work` will not run then.
    func submit(_ kind: Class, for business: BusinessID, _ work: @escaping Work) throws(TooManyReads) {
        let read = Read(business: business, work: work)
        let (isAccepted, reader) = queues.withLock { queues -> (Bool, Int?) in
            switch kind {
            case .answer:
                let own = queues.ofBusiness[business] ?? 0
                guard queues.inFlight < limits.answers, own < limits.answersPerBusiness else {
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

    /// Takes reads as long as there are some: one a turn, answers first.
    private func run(on index: Int) {
        readers[index].post { [self] reader in
            let next = queues.withLock { queues -> (read: Read, isAnswer: Bool)? in
                if let answer = queues.answers.popFirst() { return (answer, true) }
                if let page = queues.backlog.popFirst() { return (page, false) }
                queues.idle.append(index)
                return nil
            }
            guard let (read, isAnswer) = next else { return }
            read.work(reader)
            if isAnswer { finished(read.business) }
            run(on: index)
        }
    }

    private func finished(_ business: BusinessID) {
        queues.withLock { queues in
            queues.inFlight -= 1
            let left = (queues.ofBusiness[business] ?? 1) - 1
            queues.ofBusiness[business] = left == 0 ? nil : left
        }
    }

    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void
    ) {
        do {
            try submit(.backlog, for: scope.business) { reader in
                completion(Result { try reader.page(after: token, scope: scope, limit: limit) })
            }
        } catch {
            completion(.failure(error))
        }
    }
}
