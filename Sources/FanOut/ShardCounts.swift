// What a shard has done, as plain numbers on its own loop: counting costs an addition, and the totals of all
// shards are summed when somebody asks.

/// By which way a stream's position was answered.
public enum ResumeSource: String, Hashable, Sendable, CaseIterable {
    case live, tail, index, reset
}

/// The tallies of one shard. A value: copied out to be summed.
public struct ShardCounts: Sendable {
    public var opened = 0
    public var closed: [String: Int] = [:]
    public var turnedAway: [ByeReason: Int] = [:]
    public var resumed: [ResumeSource: Int] = [:]
    /// Events handed to sockets, of every kind.
    public var frames = 0
    /// `change` events handed to sockets.
    public var deliveries = 0
    public var bytes = 0
    public var pageReads = 0
    /// Backlogs that joined a read already under way.
    public var sharedReads = 0
    /// Streams served from a whole-business tail because the business has too many entity sets.
    public var narrowedStreams = 0
    /// Times a stream had fallen behind its tail and read pages again.
    public var falls = 0
    /// Of changes that were made while their stream was open.
    public var wireLatency = LatencyTally()
    /// Of older ones, told out of the tail.
    public var backlogLatency = LatencyTally()

    public init() {}

    /// An event was handed to a socket. One call: each access to a shard's counts is checked.
    ///
    /// - Parameters:
    ///   - age: Of its oldest change, in microseconds; nil: not known, or there is none.
    ///   - isLive: Whether the stream was open when that was made.
    mutating func delivered(_ frame: Frame, age: Int64?, isLive: Bool) {
        frames += 1
        bytes += frame.bytes.count
        guard frame.records > 0 else { return }
        deliveries += 1
        guard let age else { return }
        if isLive {
            wireLatency.observe(microseconds: age)
        } else {
            backlogLatency.observe(microseconds: age)
        }
    }

    public static func += (sum: inout ShardCounts, other: ShardCounts) {
        sum.opened += other.opened
        sum.closed.merge(other.closed, uniquingKeysWith: +)
        sum.turnedAway.merge(other.turnedAway, uniquingKeysWith: +)
        sum.resumed.merge(other.resumed, uniquingKeysWith: +)
        sum.frames += other.frames
        sum.deliveries += other.deliveries
        sum.bytes += other.bytes
        sum.pageReads += other.pageReads
        sum.sharedReads += other.sharedReads
        sum.narrowedStreams += other.narrowedStreams
        sum.falls += other.falls
        sum.wireLatency += other.wireLatency
        sum.backlogLatency += other.backlogLatency
    }
}

/// Latencies in buckets that double from 250 µs to two minutes. A value.
public struct LatencyTally: Hashable, Sendable {
    /// The upper bounds, in microseconds; one bucket more takes the rest.
    public static let boundsMicroseconds = (0..<20).map { 250 << $0 }
    public private(set) var buckets = [Int](repeating: 0, count: boundsMicroseconds.count + 1)
    public private(set) var sumMicroseconds = 0

    public init() {}

    /// The journal's clock has milliseconds and may be another machine's: what seems negative counts as zero.
    public mutating func observe(microseconds: Int64) {
        let value = Int(max(0, microseconds))
        let bucket =
            value < 250
            ? 0 : min(buckets.count - 1, (value / 250).bitWidth - (value / 250).leadingZeroBitCount)
        buckets[bucket] += 1
        sumMicroseconds += value
    }

    public static func += (sum: inout LatencyTally, other: LatencyTally) {
        for index in sum.buckets.indices { sum.buckets[index] += other.buckets[index] }
        sum.sumMicroseconds += other.sumMicroseconds
    }
}
