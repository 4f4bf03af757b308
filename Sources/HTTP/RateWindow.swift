// Rate limits: fixed windows that begin with the first request, as tills' HTTP libraries know them from
// Laravel. A window is a value, decided without a clock; the table that holds them is bounded whatever comes.

public import Domain

/// One key's window.
public struct RateWindow: Hashable, Sendable {
    /// Seconds since 1970; a whole second, since that is what the client is told.
    private var startSecond: UInt32
    private var count: UInt32

    init(at now: Timestamp) {
        startSecond = UInt32(clamping: now.microseconds / 1_000_000)
        count = 0
    }

    /// Counts a request that is allowed; one that is refused is not counted.
    mutating func hit(_ limit: RateLimit, at now: Timestamp) -> RateStanding {
        if hasEnded(limit, at: now) { self = RateWindow(at: now) }
        guard count < limit.requests else { return standing(limit, at: now, isAllowed: false) }
        count += 1
        return standing(limit, at: now, isAllowed: true)
    }

    /// Where the window stands, without counting.
    func standing(_ limit: RateLimit, at now: Timestamp, isAllowed: Bool) -> RateStanding {
        RateStanding(
            limit: limit.requests, remaining: limit.requests - min(limit.requests, Int(count)),
            resetSecond: Int64(startSecond) + limit.seconds, isAllowed: isAllowed)
    }

    /// A window that lies ahead is a clock that was set back: it ends too.
    func hasEnded(_ limit: RateLimit, at now: Timestamp) -> Bool {
        let second = now.microseconds / 1_000_000
        return second >= Int64(startSecond) + limit.seconds || second < Int64(startSecond)
    }
}

/// So many requests in so many seconds.
public struct RateLimit: Hashable, Sendable {
    public let requests: Int
    public let seconds: Int64

    public init(requests: Int, seconds: Int64) {
        self.requests = requests
        self.seconds = seconds
    }
}

/// What a client is told of its window, and whether it may go on.
public struct RateStanding: Hashable, Sendable {
    public let limit: Int
    public let remaining: Int
    /// Since 1970.
    public let resetSecond: Int64
    public let isAllowed: Bool

    public var fields: [(name: String, value: String)] {
        [
            ("X-RateLimit-Limit", String(limit)), ("X-RateLimit-Remaining", String(remaining)),
            ("X-RateLimit-Reset", String(resetSecond)),
        ]
    }

    /// 429. The standing's own fields are added where those of every answer are.
    public func refusal(at now: Timestamp) -> Response {
        let wait = max(1, resetSecond - now.microseconds / 1_000_000)
        return .error(429, "rate_limited", "Too Many Attempts.", fields: [("Retry-After", String(wait))])
    }
}

/// The windows of many keys, in two generations: when the young one is full or a window's length old, the old
/// one is let go. So every window lives at least its length, and memory has a bound; beyond it the oldest
/// windows are forgotten first, in the client's favour.
public struct RateTable: Sendable {
    /// Whose window it is, as the owner of the table hashes it.
    public typealias Key = Int

    private let limit: RateLimit
    private let keysMax: Int
    private var young: [Key: RateWindow] = [:]
    private var old: [Key: RateWindow] = [:]
    private var turnedSecond: Int64?
    /// Windows let go of before their end, for want of room.
    public private(set) var forgottenCount = 0

    /// - Parameter keysMax: Of each generation.
    public init(_ limit: RateLimit, keysMax: Int) {
        self.limit = limit
        self.keysMax = keysMax
    }

    /// At most twice `keysMax`.
    public var count: Int { young.count + old.count }

    /// Counts a request.
    ///
    /// - Complexity: A look-up or two; once in a while a generation is let go.
    public mutating func hit(_ key: Key, at now: Timestamp) -> RateStanding {
        turn(at: now)
        var window = young[key] ?? old.removeValue(forKey: key) ?? RateWindow(at: now)
        let standing = window.hit(limit, at: now)
        young[key] = window
        return standing
    }

    private mutating func turn(at now: Timestamp) {
        let second = now.microseconds / 1_000_000
        let age = second - (turnedSecond ?? second)
        guard young.count >= keysMax || age >= limit.seconds || age < 0 || turnedSecond == nil else { return }
        if age >= 0, age < limit.seconds { forgottenCount += old.count }
        old = young
        young = [:]
        turnedSecond = second
    }
}
