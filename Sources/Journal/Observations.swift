// When which head was seen: how a time becomes a position. Row times cannot be trusted (a transaction held
// open for three seconds commits rows that are three seconds old), so `since=` starts from what was known to
// be committed at that time, and repeats up to a second's changes rather than missing one. The same list, on
// the scale of service time, tells retention how old a position is.
//
// A list may be thinned, and may lack what a crash lost: both only make a time stand for an earlier position,
// so that more is told again and things are kept longer.

public import Domain
import Synchronization

/// Times with the head that was visible before them. From any lane.
public final class Observations: Sendable {
    /// What has to be written down to have all of it.
    public enum Growth: Hashable, Sendable {
        case appended([Observation])
        /// Instead of everything that was written down before.
        case replaced([Observation])
    }

    private struct List {
        var entries: [Observation] = []
        /// How many of them are written down; nil: another list is.
        var writtenCount: Int? = 0
    }

    private let countMax: Int
    private let list = Mutex(List())

    /// - Parameter countMax: Beyond this many, every second one of the older half is dropped. About 50 bytes
    ///   each.
    public init(countMax: Int = 20_000) { self.countMax = countMax }

    /// Goes on from what was written down, in its order. Another epoch drops it with the first `record`.
    public func resume(_ written: [Observation]) {
        list.withLock { $0 = List(entries: written, writtenCount: written.count) }
    }

    /// Notes that everything up to `head` could be read before `time`. At most once a second.
    ///
    /// A clock that was set back is waited for: a time of its second pass must not stand for a later head.
    /// Another epoch begins anew.
    public func record(_ head: Head, at time: Timestamp) {
        list.withLock { list in
            if let last = list.entries.last {
                if last.head.epoch != head.epoch {
                    list = List(entries: [], writtenCount: nil)
                } else if last.head.seq >= head.seq || last.time >= time {
                    return
                }
            }
            list.entries.append(Observation(time: time, head: head))
            guard list.entries.count > countMax else { return }
            let half = list.entries.count / 2
            list.entries = stride(from: 0, to: half, by: 2).map { list.entries[$0] } + list.entries[half...]
            list.writtenCount = nil
        }
    }

    /// The last head observed at `time` or before; nil when it was before all observations. O(log n).
    public func head(at time: Timestamp) -> Head? {
        list.withLock { list in
            Self.last(list.entries) { $0.time <= time }?.head
        }
    }

    /// The time of the last observation that `position` covers whole; nil when it covers none. O(log n).
    public func time(coveredBy position: Seq) -> Timestamp? {
        list.withLock { list in
            Self.last(list.entries) { $0.head.seq <= position }?.time
        }
    }

    /// What is not written down yet; nil: nothing. Taken as written: call `writingFailed` when it was not.
    public func takeGrowth() -> Growth? {
        list.withLock { list in
            defer { list.writtenCount = list.entries.count }
            guard let written = list.writtenCount else { return .replaced(list.entries) }
            return written < list.entries.count ? .appended(Array(list.entries[written...])) : nil
        }
    }

    /// The next growth is everything.
    public func writingFailed() { list.withLock { $0.writtenCount = nil } }

    /// The last of the entries for which `holds`; those it holds for come first.
    private static func last(
        _ entries: [Observation], where holds: (Observation) -> Bool
    ) -> Observation? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if holds(entries[middle]) { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? entries[low - 1] : nil
    }
}
