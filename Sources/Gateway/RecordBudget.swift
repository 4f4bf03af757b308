// How many records streams that catch up may read in a second, all together. A page's size is known only
// when it was read, so the budget may be overdrawn by what is under way; then nobody reads until it is earned
// back.

/// Records to spend, and how fast they are earned. A value.
struct RecordBudget: Sendable {
    private let perSecond: Double
    private var left: Double
    private var asOf: ContinuousClock.Instant

    /// Begins with a second's worth, which is also the most it holds.
    init(perSecond: Int, now: ContinuousClock.Instant) {
        self.perSecond = Double(max(1, perSecond))
        left = self.perSecond
        asOf = now
    }

    /// How long nothing may be read; nil: something may.
    mutating func pause(now: ContinuousClock.Instant) -> Duration? {
        left = min(perSecond, left + (now - asOf) / .seconds(1) * perSecond)
        asOf = now
        return left > 0 ? nil : .seconds((1 - left) / perSecond)
    }

    mutating func spend(_ records: Int) { left -= Double(records) }
}
