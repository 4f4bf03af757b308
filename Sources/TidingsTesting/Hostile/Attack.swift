// What hostile peers do to a gateway, and what it costs: tests assert the figures, `tidings-bench hostile`
// prints them. All over loopback, all from one thread; a good till polls meanwhile on another.

import Foundation
import Synchronization

/// The gateway under attack.
public struct AttackTarget: Sendable {
    public let port: UInt16
    public let pid: Int32
    /// A token that may read and stream.
    public let token: String
    /// Commits one change of about 20 KB in that token's business.
    public let commit: @Sendable () throws -> Void
    /// Adds products of a few megabytes to it.
    public let fill: @Sendable () throws -> Void

    public init(
        port: UInt16, pid: Int32, token: String, commit: @escaping @Sendable () throws -> Void,
        fill: @escaping @Sendable () throws -> Void
    ) {
        self.port = port
        self.pid = pid
        self.token = token
        self.commit = commit
        self.fill = fill
    }
}

/// What an attack cost.
public struct AttackFigures: Sendable {
    /// From a peer's beginning to its being cut: the slowest. Nil: somebody was not.
    public var secondsToCut: Double?
    /// Bytes a peer could send before it was cut, at most; the kernel's buffers included.
    public var bytesTaken = 0
    /// By which the gateway's memory grew, at its peak.
    public var kilobytes = 0
    /// Of one core.
    public var cpuShare = 0.0
    /// The slowest answer a good till had meanwhile.
    public var othersSeconds = 0.0
    /// Descriptors the gateway held afterwards, beyond those before.
    public var socketsLeft = 0

    public init() {}
}

/// Ways to be hostile.
public enum Attack: String, CaseIterable, Sendable {
    /// A head that comes a byte at a time, for ever.
    case slowHeads
    /// A body that does.
    case slowBodies
    /// Nothing at all.
    case silence
    /// A head that is large, and never ends.
    case hugeHeads
    /// 200 MiB sent onto an open stream.
    case uploads
    /// One request behind the other, and no answer is ever read.
    case pipelines
    /// Large answers, of which a little is read before each look at what was.
    case sipping
    /// A stream that is never read while much happens.
    case neverReading
    /// Streams whose peers are gone without a word: no FIN, no RST, nothing acknowledged.
    case vanishing
    /// Requests and streams that end with RST, one after another.
    case resets

    /// What the gateway is to be started with: the limits by which peers are cut, shortened.
    public var settings: [String] {
        [
            "limits.head_time=2s", "limits.body_time=2s", "limits.write_time=2s",
            "limits.answers_size_per_business=8MiB",
            "limits.streams_per_device=1000", "stream.slow_age=2s", "stream.slow_size=64KiB",
            "stream.tail_size=64KiB", "stream.send_buffer=8KiB", "stream.heartbeat=15s",
            // The kernel ends who does not read by this one too, and without a word.
        ] + (self == .vanishing ? ["stream.user_timeout=3s"] : [])
    }

    /// Attacks with that many peers.
    ///
    /// - Parameter seconds: After which peers that were not cut are counted as such.
    public func run(on target: AttackTarget, peers: Int, seconds: Double = 30) throws -> AttackFigures {
        let siege = Siege(target: target, peers: peers, seconds: seconds)
        let before = try ProcessFigures(pid: target.pid)
        ProcessFigures.forgetPeak(pid: target.pid)
        let start = Date()
        let good = GoodTill(target)
        var figures = AttackFigures()
        try siege.run(self, &figures)
        figures.othersSeconds = good.stop()
        let after = try ProcessFigures(pid: target.pid)
        figures.kilobytes = after.peakKilobytes - before.residentKilobytes
        figures.cpuShare = (after.cpuSeconds - before.cpuSeconds) / max(0.1, -start.timeIntervalSinceNow)
        figures.socketsLeft = try socketsLeft(target.pid, before: before.sockets)
        return figures
    }

    /// How many more sockets there are than before, once there are no more, or half a minute has passed.
    private func socketsLeft(_ pid: Int32, before: Int) throws -> Int {
        for _ in 0..<300 {
            guard try ProcessFigures(pid: pid).sockets > before else { break }
            usleep(100_000)
        }
        return max(0, try ProcessFigures(pid: pid).sockets - before)
    }
}

/// A till that polls once in a while, and remembers its slowest answer. From any lane.
private final class GoodTill: Sendable {
    private let slowest = Mutex(0.0)
    private let isOver = Mutex(false)
    private let ended = DispatchSemaphore(value: 0)

    init(_ target: AttackTarget) {
        let thread = Thread { [self] in
            while !isOver.withLock({ $0 }) {
                let start = Date()
                let answer = try? TillSocket.ask(
                    port: target.port, "GET", "/sync/full?entities=brands", token: target.token)
                let took = answer?.status == 200 ? -start.timeIntervalSinceNow : Double.infinity
                slowest.withLock { $0 = max($0, took) }
                usleep(50_000)
            }
            ended.signal()
        }
        thread.start()
    }

    func stop() -> Double {
        isOver.withLock { $0 = true }
        ended.wait()
        return slowest.withLock { $0 }
    }
}
