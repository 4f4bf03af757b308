// Ages for retention. The wall clock may jump by a year and back, and what was purged then is gone; so ages
// are counted in service time: how long the gateway has been there to be reached. It runs by a clock nobody
// can set, stands still while the gateway is down but for a day of each such gap, and begins with the file.
//
//     running ██████████████ down ····(at most 1 d counted)···· ██████████ running
//
// A device cannot acknowledge while nobody listens, so its silence is counted in the same time.

public import Domain

/// Tells service time. From any lane.
public final class ServiceClock: Sendable {
    /// Of the time between two runs, this much counts at most: the wall clock alone tells how long it was.
    static let gapMax = Duration.seconds(86_400)

    private let began: Timestamp
    private let elapsed: @Sendable () -> Duration

    /// - Parameters:
    ///   - began: Where it stands now.
    ///   - elapsed: Time since then, by a clock that is never set.
    init(began: Timestamp, elapsed: @Sendable @escaping () -> Duration) {
        self.began = began
        self.elapsed = elapsed
    }

    /// Goes on from what was written down.
    ///
    /// - Parameters:
    ///   - written: Where it stood then.
    ///   - wallThen: The wall clock then; nil: never written.
    convenience init(
        resuming written: Timestamp, wallThen: Timestamp?, wallNow: Timestamp,
        elapsed: @Sendable @escaping () -> Duration
    ) {
        let gap = wallThen.map { Duration.microseconds(wallNow.microseconds - $0.microseconds) } ?? .zero
        self.init(began: written + min(max(gap, .zero), Self.gapMax), elapsed: elapsed)
    }

    /// Microseconds of service since the file was made, on the scale of a timestamp.
    public var now: Timestamp { began + elapsed() }

    /// For those who serve nobody.
    static let still: @Sendable () -> Duration = { .zero }

    /// CLOCK_BOOTTIME since the call: it counts the machine's sleep.
    static func sinceNow() -> @Sendable () -> Duration {
        let start = ContinuousClock.now
        return { ContinuousClock.now - start }
    }
}
