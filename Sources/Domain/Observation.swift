// When which head was seen: the only link between times and positions that can be trusted.

/// Everything up to `head` could be read before `time`.
public struct Observation: Hashable, Sendable {
    public let time: Timestamp
    public let head: Head

    public init(time: Timestamp, head: Head) {
        self.time = time
        self.head = head
    }
}

extension Timestamp {
    /// Later, or earlier for a negative duration; whole microseconds.
    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return Timestamp(
            microseconds: time.microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }

    public static func - (time: Timestamp, duration: Duration) -> Timestamp { time + (.zero - duration) }
}
