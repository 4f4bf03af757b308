// Memory that many may hold together: what one may hold times how many there may be is more than there is.

import Synchronization

/// A number of bytes to share. From any lane.
public final class ByteBudget: Sendable {
    private let bytesMax: Int
    private let used = Atomic<Int>(0)

    public init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Held now, by all.
    public var usedBytes: Int { used.load(ordering: .relaxed) }

    /// What one holder has of a budget; given back when it is let go of. Lives on its holder's lane.
    public final class Hold {
        private let budget: ByteBudget
        private var bytes = 0

        public init(of budget: ByteBudget) { self.budget = budget }

        deinit { resize(to: 0) }

        /// Says how much is held now.
        ///
        /// - Returns: False when all together hold more than there is. It counts as held all the same.
        @discardableResult public func resize(to count: Int) -> Bool {
            guard count != bytes else { return budget.usedBytes <= budget.bytesMax }
            let all = budget.used.wrappingAdd(count - bytes, ordering: .relaxed).newValue
            bytes = count
            return all <= budget.bytesMax
        }
    }
}
