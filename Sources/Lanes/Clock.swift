// Time comes in through the door: whoever needs it is handed a clock, and tests hand in their own.

public import Domain
import Glibc

/// Tells the time of day.
public struct WallClock: Sendable {
    private let read: @Sendable () -> Timestamp

    public init(_ read: @Sendable @escaping () -> Timestamp) { self.read = read }

    public var now: Timestamp { read() }

    /// The system's CLOCK_REALTIME.
    public static let system = WallClock {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
