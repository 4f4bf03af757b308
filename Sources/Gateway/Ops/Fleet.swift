// All shards asked at once: a post to each, answered when the last has come.

import FanOut
import Lanes
import Synchronization

/// The shards of every loop, for questions about all streams. Immutable; from any lane.
struct Fleet: Sendable {
    let shards: [Confined<Shard>]

    /// Asks every shard. `done` is called once, on the lane of whichever shard answered last.
    ///
    /// - Parameter done: Told one part a shard, in no order.
    func ask<Part: Sendable>(
        _ question: @Sendable @escaping (Shard) -> Part, done: @Sendable @escaping ([Part]) -> Void
    ) {
        let gathering = Gathering(count: shards.count, done: done)
        for shard in shards { shard.post { gathering.add(question($0)) } }
    }
}

/// Collects a known number of parts. From any lane.
final class Gathering<Part: Sendable>: Sendable {
    private let parts = Mutex<[Part]>([])
    private let count: Int
    private let done: @Sendable ([Part]) -> Void

    init(count: Int, done: @Sendable @escaping ([Part]) -> Void) {
        self.count = count
        self.done = done
    }

    func add(_ part: Part) {
        let all: [Part]? = parts.withLock { parts in
            parts.append(part)
            return parts.count == count ? parts : nil
        }
        if let all { done(all) }
    }
}
