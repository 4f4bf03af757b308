// The keeper of the hooks at work: at once when the schema changed, else in small steps with long pauses. Its
// repairs are commits like any other, and reach clients through the tailer.

import Lanes
import Logging
import SQLiteEngine

/// Paces of the keeping.
struct KeepingSettings: Sendable {
    /// How much of a core the audit may take; 0: there is none.
    var auditSharePercent: Int
    var auditPause: Duration
}

/// Drives the keeper. Lives on its own lane, which may block.
final class Keeping {
    private let keeper: HookKeeper
    private let lane: WorkerLane
    private let settings: KeepingSettings
    private let services: Services
    private var alarm: (any Alarm)?
    private var mustVerify = true
    private var failure: String?

    /// After a failure: a lock that somebody holds for long, a disk that is full.
    private static let failurePause = Duration.seconds(1)

    init(keeper: HookKeeper, lane: WorkerLane, settings: KeepingSettings, services: Services) {
        self.keeper = keeper
        self.lane = lane
        self.settings = settings
        self.services = services
    }

    func start() { turn() }

    /// Somebody changed the schema: hooks may be gone.
    func schemaChanged() {
        mustVerify = true
        turn()
    }

    private func turn() {
        alarm?.cancel()
        var pause = Self.failurePause
        do {
            pause = try step()
            failure = nil
        } catch {
            let text = "\(error)"
            if failure != text {
                services.log.error("the hooks cannot be kept", metadata: ["error": "\(text)"])
            }
            failure = text
        }
        services.status.hooks(keeper.report, failure: failure)
        alarm = lane.after(pause) { [weak self] in self?.turn() }
    }

    /// One thing; returns how long to wait for the next.
    private func step() throws -> Duration {
        if mustVerify {
            let made = try keeper.verify()
            mustVerify = false
            if !made.isEmpty {
                services.log.warning(
                    "hooks were gone or altered, and are restored",
                    metadata: ["hooks": "\(made.joined(separator: " "))"])
            }
        }
        if case .walkOn(let lockSeconds) = try keeper.work() {
            return max(.milliseconds(1), .seconds(lockSeconds))
        }
        guard settings.auditSharePercent > 0 else { return settings.auditPause }
        let started = ContinuousClock.now
        if try keeper.look() { return settings.auditPause }
        let spent = ContinuousClock.now - started
        return max(.milliseconds(2), spent * (100 - settings.auditSharePercent) / settings.auditSharePercent)
    }
}
