// Counts and digests, folded from the journal by the tailer in seq order: hooks that kept them would cost as
// much again and serialise all writers of a business. A reader copies the values (true at `at`), *then* opens
// its snapshot (whose head is at or after `at`) and folds the rest: exact, and O(1) in the size of the
// tables.

public import Domain
import Synchronization

/// The totals of every business, true at one seq. From any lane.
public final class TotalsLedger: Sendable {
    /// The totals of one business at `at`.
    public struct Balance: Sendable {
        public var at: Head
        public var totals: [EntityNumber: Total]

        public init(at: Head, totals: [EntityNumber: Total]) {
            self.at = at
            self.totals = totals
        }
    }

    /// All of it.
    public struct Book: Sendable {
        public var at: Head
        public var totals: [BusinessID: [EntityNumber: Total]]

        public init(at: Head, totals: [BusinessID: [EntityNumber: Total]] = [:]) {
            self.at = at
            self.totals = totals
        }
    }

    private let book: Mutex<Book>
    private let told = Mutex<Head?>(nil)

    public init(_ book: Book) { self.book = Mutex(book) }

    /// Counts rows that lie after `at`, in order, and moves to `head`. The tailer only.
    public func fold(_ changes: [Change], to head: Head) {
        book.withLock { book in
            for change in changes {
                book.totals[change.business, default: [:]][change.record.entity, default: Total()].fold(
                    id: change.record.id, was: change.was, operation: change.operation,
                    version: change.version)
            }
            book.at = head
        }
    }

    /// Starts anew from a book that was counted otherwise: at start, and in a new epoch.
    public func replace(with other: Book) { book.withLock { $0 = other } }

    /// The totals of one business. O(entities).
    public func balance(of business: BusinessID) -> Balance {
        book.withLock { Balance(at: $0.at, totals: $0.totals[business] ?? [:]) }
    }

    /// Takes note of the head that an answer tells: readers may be ahead of the tailer.
    public func note(told head: Head) {
        told.withLock { told in
            if let last = told, last.epoch == head.epoch, last.seq >= head.seq { return }
            told = head
        }
    }

    /// The farthest head of the epoch in force that was counted or told: whatever stands at the path later
    /// must hold it, or is another history.
    public var farthest: Head {
        let counted = countedTo
        guard let last = told.withLock({ $0 }), last.epoch == counted.epoch, last.seq > counted.seq else {
            return counted
        }
        return last
    }

    /// Up to where it is counted.
    public var countedTo: Head { book.withLock { $0.at } }
}
