// Page reads for streams that the tail cannot serve, shared: streams of a business that stand at the same
// token wait for the same read and send the same frame. Bounded by construction: one read in flight for each
// distinct (token, scope), and the source behind it has its own bound and budget.

import DequeModule
public import Domain

/// Reads pages of the state index somewhere else.
public protocol PageSource: AnyObject, Sendable {
    /// Reads one page on a worker lane. `completion` is called from there, once.
    ///
    /// - Parameter completion: A delta; a `Refusal`; or any other error, when the database could not be read.
    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void)
}

/// Which page. Equal requests share one read.
struct PageRequest: Hashable {
    let token: SyncToken
    let scope: Scope
}

/// What a page read came to.
enum PageOutcome {
    case page(PageSummary, Frame)
    case refused(Refusal)
    case failed
}

/// The page reads of one shard. Lives on its loop.
final class Backlog {
    private var waiting: [PageRequest: [DeviceStream]] = [:]
    /// Reads that are over, and who has not been served of them yet.
    private var done = Deque<
        (request: PageRequest, outcome: PageOutcome, streams: ArraySlice<DeviceStream>)
    >()

    /// Joins a read that is under way, or asks the caller to start one.
    ///
    /// - Returns: True when the caller must start the read.
    func join(_ stream: DeviceStream, _ request: PageRequest) -> Bool {
        waiting[request, default: []].append(stream)
        return waiting[request]?.count == 1
    }

    /// A read is over: whoever waited for it is to be served, by `next`.
    ///
    /// - Returns: Whether nobody was before: the caller must begin.
    func finish(_ request: PageRequest, with outcome: PageOutcome) -> Bool {
        guard let streams = waiting.removeValue(forKey: request) else { return false }
        done.append((request, outcome, streams[...]))
        return done.count == 1
    }

    var hasNext: Bool { !done.isEmpty }

    /// The next one to be served.
    func next() -> (stream: DeviceStream, request: PageRequest, outcome: PageOutcome)? {
        guard let (request, outcome, _) = done.first, let stream = done[0].streams.popFirst() else {
            return nil
        }
        if done[0].streams.isEmpty { done.removeFirst() }
        return (stream, request, outcome)
    }
}
