// When clients should come back. Browsers neither back off nor jitter: they return exactly when the server
// said, all at once if it said the same to all. So each connection is told a time of its own, spread over
// what the server can accept.

/// Chooses `retry:` values.
public struct RetryPlan: Hashable, Sendable {
    /// Milliseconds before anyone returns.
    public var baseMilliseconds = 1_000
    /// The shortest span over which returns are spread.
    public var spreadMilliseconds = 2_000
    /// Streams a second that may return.
    public var returnsPerSecond = 5_000

    public init() {}

    /// For a server that holds `streams`: they would return over the time it needs for as many.
    ///
    /// - Parameter atLeast: Over this long in any case.
    public func milliseconds(
        streams: Int, over atLeast: Int = 0, random: inout any RandomNumberGenerator
    ) -> Int {
        let spread = max(atLeast, spreadMilliseconds, streams * 1_000 / max(1, returnsPerSecond))
        return baseMilliseconds + Int(random.next(upperBound: UInt64(spread)))
    }

    /// For a stream that should stay away for about as long as `milliseconds`: up to a quarter longer.
    public static func long(_ milliseconds: Int, random: inout any RandomNumberGenerator) -> Int {
        milliseconds + Int(random.next(upperBound: UInt64(milliseconds / 4 + 1)))
    }
}
