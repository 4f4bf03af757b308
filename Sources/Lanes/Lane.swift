// Who may touch what. Loop-confined state is a plain class that lives on one lane for its whole life, and
// lanes exchange values by posting work to each other: nothing on the path of a change awaits or locks.

/// A thread with an in-tray: work posted from anywhere runs here, one piece at a time, first in first out.
///
/// Two kinds: an `EventLoop` owns sockets and never blocks; a `WorkerLane` owns a database connection and
/// may.
public protocol Lane: AnyObject, Sendable {
    /// Runs `work` on this lane, later, after everything posted before. From anywhere.
    func post(_ work: sending @escaping () -> Void)

    /// Whether the caller runs on this lane now.
    var isCurrent: Bool { get }
}

/// A lane that can also do things later.
public protocol TimedLane: Lane {
    /// Runs `work` on this lane once `delay` has passed, unless the alarm is cancelled before. On this lane
    /// only.
    func after(_ delay: Duration, _ work: @escaping () -> Void) -> any Alarm
}

/// Work that waits for its time. Lives on the lane it was set on.
public protocol Alarm: AnyObject {
    /// The work will not run. Harmless when it has run already.
    func cancel()
}
