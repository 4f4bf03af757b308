// What a gateway that leaves still owes its peers: connections that were accepted and have no answer yet.
// It ends when there are none, so that an upgrade cuts nobody short.

import Synchronization

/// Counts the exchanges that are between a connection, or a request's first byte, and the answer's last.
/// From any lane.
public final class AnswersOwed: Sendable {
    private let owed = Atomic<Int>(0)
    private let leaving = Atomic<Bool>(false)

    public init() {}

    public var count: Int { owed.load(ordering: .relaxed) }

    /// Whether every answer is its connection's last.
    public var isLeaving: Bool { leaving.load(ordering: .relaxed) }

    /// From here on every answer is its connection's last.
    public func leave() { leaving.store(true, ordering: .relaxed) }

    /// One exchange's part; nothing is owed once it is let go of. Lives on its exchange's lane.
    public final class Debt {
        private let owed: AnswersOwed
        public var isOwed = false {
            didSet {
                guard isOwed != oldValue else { return }
                owed.owed.wrappingAdd(isOwed ? 1 : -1, ordering: .relaxed)
            }
        }

        public init(_ owed: AnswersOwed) { self.owed = owed }

        deinit { if isOwed { owed.owed.wrappingSubtract(1, ordering: .relaxed) } }
    }
}
