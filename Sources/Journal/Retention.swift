// What may be forgotten. Decided in a value: positions, ages and what devices have stored are handed in.
//
//     seq 1 ········· journal limit ········· served ─── head
//                     │                       │
//     rows up to here may go                  this row and all behind it stay: it proves the history
//
//     seq 1 ····· floor ····· tombstone limit of a business
//                             = min(seen `tombstones` ago, lowest that an active device has stored)
//
// Ages are not those of the rows (their writers' clocks may be wrong) nor of the wall clock (which may jump
// by a year): they are counted in service time, while the gateway could be reached.

public import Domain

/// What is kept, and for how long.
public struct RetentionRules: Hashable, Sendable {
    public var journalAge: Duration
    public var journalRows: Int
    public var tombstones: Duration
    public var maxOffline: Duration

    public init(journalAge: Duration, journalRows: Int, tombstones: Duration, maxOffline: Duration) {
        self.journalAge = journalAge
        self.journalRows = journalRows
        self.tombstones = tombstones
        self.maxOffline = maxOffline
    }
}

/// What may go now. A value, true for as long as nobody acknowledges less than before.
public struct RetentionLimits: Hashable, Sendable {
    /// Where the history is proven: nothing is purged from a database that does not have this row.
    public let served: Head
    /// Journal rows up to here may go; always before `served`.
    public let journal: Seq
    /// Tombstones up to here are old enough.
    public let tombstones: Seq
    private let holds: [BusinessID: Seq]

    /// - Parameters:
    ///   - served: The last place that was served and written down as such.
    ///   - now: In service time, as `ages` is.
    ///   - holds: For every business with active devices, the lowest position that one of them has stored.
    public init(
        _ rules: RetentionRules, served: Head, now: Timestamp, ages: Observations, holds: [BusinessID: Seq]
    ) {
        func seen(_ age: Duration) -> Seq {
            guard let head = ages.head(at: now - age), head.epoch == served.epoch else { return .zero }
            return min(head.seq, served.seq)
        }
        let surplus = Seq(served.seq.rawValue - Int64(rules.journalRows))
        let before = Seq(served.seq.rawValue - 1)
        self.served = served
        self.holds = holds
        journal = max(.zero, min(before, max(seen(rules.journalAge), surplus)))
        tombstones = seen(rules.tombstones)
    }

    /// Tombstones of that business up to here may go.
    public func tombstones(of business: BusinessID) -> Seq {
        min(tombstones, holds[business] ?? tombstones)
    }
}
