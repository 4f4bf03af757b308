// When which head was seen: how a time becomes a position. Row times cannot be trusted (a transaction held
// open for three seconds commits rows that are three seconds old), so `since=` starts from what was known to
// be committed at that time, and repeats up to a second's changes rather than missing one.

public import Domain
import Synchronization

/// Wall times with the head that was visible before them. From any lane.
public final class Observations: Sendable {
    private struct Entry {
        let time: Timestamp
        let head: Head
    }

    /// Beyond this many, every second one of the older half is dropped: 1 MiB at most.
    private static let countMax = 20_000

    private let entries = Mutex<[Entry]>([])

    public init() {}

    /// Notes that everything up to `head` could be read before `time`. At most once a second.
    ///
    /// A clock that was set back is waited for: a time of its second pass must not stand for a later head.
    /// Another epoch begins anew.
    public func record(_ head: Head, at time: Timestamp) {
        entries.withLock { entries in
            if let last = entries.last {
                if last.head.epoch != head.epoch {
                    entries.removeAll()
                } else if last.head.seq >= head.seq || last.time >= time {
                    return
                }
            }
            entries.append(Entry(time: time, head: head))
            guard entries.count > Self.countMax else { return }
            let half = entries.count / 2
            entries = stride(from: 0, to: half, by: 2).map { entries[$0] } + entries[half...]
        }
    }

    /// The last head observed at `time` or before; nil when it was before all observations. O(log n).
    public func head(at time: Timestamp) -> Head? {
        entries.withLock { entries in
            Self.last(entries) { $0.time <= time }?.head
        }
    }

    /// The time of the last observation that `position` covers whole; nil when it covers none. O(log n).
    public func time(coveredBy position: Seq) -> Timestamp? {
        entries.withLock { entries in
            Self.last(entries) { $0.head.seq <= position }?.time
        }
    }

    /// The last of the entries for which `holds`; those it holds for come first.
    private static func last(_ entries: [Entry], where holds: (Entry) -> Bool) -> Entry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if holds(entries[middle]) { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? entries[low - 1] : nil
    }
}
