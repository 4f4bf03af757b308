// Whether the gateway should be sent clients, and why not.

import Domain
import Journal
import SQLiteEngine
import Synchronization

/// What the parts report and readiness is made of. From any lane.
final class GatewayStatus: Sendable {
    private struct Parts {
        var tailer = TailerStatus()
        var served: Head?
        var registryFailure: String?
        var hooks = HookReport()
        var hooksFailure: String?
        var isDraining = false
    }

    private let parts = Mutex(Parts())

    func tailer(_ status: TailerStatus) { parts.withLock { $0.tailer = status } }
    func served(_ head: Head) { parts.withLock { $0.served = head } }
    func registry(failure: String?) { parts.withLock { $0.registryFailure = failure } }
    func hooks(_ report: HookReport, failure: String?) {
        parts.withLock {
            $0.hooks = report
            $0.hooksFailure = failure
        }
    }
    func drain() { parts.withLock { $0.isDraining = true } }

    var tailer: TailerStatus { parts.withLock { $0.tailer } }
    /// The last place that was served and written down as such.
    var served: Head? { parts.withLock { $0.served } }
    var hooks: HookReport { parts.withLock { $0.hooks } }
    var isDraining: Bool { parts.withLock { $0.isDraining } }

    /// Empty: ready.
    var reasons: [String] {
        parts.withLock { parts in
            var reasons: [String] = []
            if parts.isDraining { reasons.append("draining") }
            if parts.tailer.head == nil { reasons.append("the journal is not open yet") }
            if let failure = parts.tailer.failure { reasons.append("journal: \(failure)") }
            if let failure = parts.registryFailure { reasons.append("registry: \(failure)") }
            reasons += parts.hooks.reasons.map { "hooks: \($0)" }
            if let failure = parts.hooksFailure { reasons.append("hooks: \(failure)") }
            return reasons
        }
    }
}
