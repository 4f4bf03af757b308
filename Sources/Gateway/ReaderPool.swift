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

/// Reads of the state index on worker lanes. From any lane.
final class ReaderPool: PageSource {
    /// Which goes first.
    enum Class { case answer, backlog }

    typealias Work = @Sendable (any StateReader) -> Void

    private struct Queues {
        var answers = Deque<Work>()
        var backlog = Deque<Work>()
        var count: Int { answers.count + backlog.count }
    }

    private let readers: [Confined<any StateReader>]
    private let queues = Mutex(Queues())
    private let queuedMax: Int
    private let next = Atomic<Int>(0)

    /// - Parameter readers: At least one, each on a lane of its own.
    /// - Parameter queuedMax: Reads that may wait.
    init(readers: [Confined<any StateReader>], queuedMax: Int) {
        self.readers = readers
        self.queuedMax = queuedMax
    }

    /// How many reads wait.
    var queued: Int { queues.withLock { $0.count } }

    /// Runs `work` with a reader, later, on that reader's lane.
    ///
    /// - Throws: `TooManyReads` at once when the queue is full; `work` will not run then.
    func submit(_ kind: Class, _ work: @escaping Work) throws(TooManyReads) {
        let isFull = queues.withLock { queues in
            guard queues.count < queuedMax else { return true }
            switch kind {
            case .answer: queues.answers.append(work)
            case .backlog: queues.backlog.append(work)
            }
            return false
        }
        if isFull { throw TooManyReads() }
        // One posting a read; which read a lane then takes is decided when it gets to it.
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        readers[turn % readers.count].post { [self] reader in
            let work = queues.withLock { $0.answers.popFirst() ?? $0.backlog.popFirst() }
            work?(reader)
        }
    }

    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void
    ) {
        do {
            try submit(.backlog) { reader in
                completion(Result { try reader.page(after: token, scope: scope, limit: limit) })
            }
        } catch {
            completion(.failure(error))
        }
    }
}
