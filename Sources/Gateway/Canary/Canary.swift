// The gateway's probe of itself: a change that is committed like any other, and must arrive on a stream of
// the gateway's own, over its own listener. Whatever stands still on the way (a hook, the tailer, a loop,
// accepting) is seen before a till complains.
//
//     canary lane: commit ──► journal ──► tailer ──► hub ──► shard ──► socket ──► canary lane: heard

import Domain
import Events
import Lanes
import Logging
import Registry
import SQLiteEngine
import Settings
import Telemetry

/// Sings each `canary.every`. Lives on its worker lane.
final class Canary {
    enum Outcome: String, MetricLabel { case arrived, late, failed }

    private static let changes = LabelledCounter<Outcome>(
        "tidings_canary_changes_total",
        help:
            "The canary's changes: arrived, not within five seconds, or not even committed or listened for.",
        label: "outcome")
    private static let times = Histogram(
        "tidings_canary_seconds", help: "From the canary's lock for writing to its change on its own stream.")
    static let metrics: [any Metric] = [changes, times]

    /// Nobody's: an application's businesses are not called this.
    static let business = BusinessID(.text("tidings-canary"))
    /// How long a stream or a change may take.
    private static let patience = Duration.seconds(5)

    private let address: LocalAddress
    private let lane: WorkerLane
    private let services: Services
    private let entity: EntityDefinition
    private let writer: CanaryWriter
    private let every: Duration
    /// Itself, for answers from the registry's lane. Set once, at start.
    private var own: Confined<Canary>?
    private var bearer: Secret?
    private var stream: CanaryStream?
    private var alarm: (any Alarm)?
    private var isStopped = false
    private var wasWell = true

    init(
        file: DatabaseFile, entity: EntityDefinition, at address: LocalAddress, lane: WorkerLane,
        services: Services
    ) {
        self.address = address
        self.lane = lane
        self.services = services
        self.entity = entity
        writer = CanaryWriter(file: file, entity: entity, business: Self.business)
        every = services.configuration.canary.every
    }

    /// Asks for a token, and begins once it has one.
    func start(own: Confined<Canary>) {
        self.own = own
        signIn()
    }

    private func signIn() {
        guard !isStopped, let own else { return }
        services.registry.post { registry in
            let bearer = Result { try Self.newToken(registry) }
            own.post { canary in
                do {
                    canary.bearer = try bearer.get()
                    canary.turn()
                } catch {
                    canary.note(.failed, "\(error)")
                    canary.alarm = canary.lane.after(canary.every) { [weak canary] in canary?.signIn() }
                }
            }
        }
    }

    /// Ends those of earlier runs, whose secrets nobody has any more.
    private static func newToken(_ registry: Registry) throws -> Secret {
        for token in try registry.tokens() where token.business == business && !token.isRevoked {
            try registry.revokeToken(token.id)
        }
        return try registry.createToken(
            name: "canary", business: business, user: nil, abilities: Abilities(["sync:read"]), expiresAt: nil
        )
    }

    func stop() {
        isStopped = true
        alarm?.cancel()
        stream = nil
    }

    private func turn() {
        guard !isStopped, !services.status.isDraining else { return }
        do {
            if try sing() { note(.arrived) } else { note(.late, "not within \(Self.patience)") }
        } catch {
            stream = nil
            if (error as? CanaryDeaf)?.isSignedOut == true { bearer = nil }
            note(.failed, "\(error)")
        }
        alarm = lane.after(every) { [weak self] in self?.next() }
    }

    /// A token that died, by hand or with a registry that was put back, is followed by another.
    private func next() {
        if bearer == nil { signIn() } else { turn() }
    }

    /// False: it was not heard in time.
    private func sing() throws -> Bool {
        if stream?.isOpen != true {
            stream = nil
            stream = try CanaryStream(
                address, bearer: bearer?.revealed ?? "", entity: entity.name, within: Self.patience)
        }
        let (seq, begunAt) = try writer.write()
        guard try stream?.hear(seq, until: begunAt + Self.patience) == true else { return false }
        Self.times.observe(.now - begunAt)
        return true
    }

    /// Counts each, and says a change for the worse or the better once. One that is cut by a drain is none.
    private func note(_ outcome: Outcome, _ why: String = "") {
        guard outcome == .arrived || !services.status.isDraining else { return }
        Self.changes.add(outcome)
        let isWell = outcome == .arrived
        defer { wasWell = isWell }
        if wasWell, !isWell {
            services.log.warning("the canary's change did not arrive", metadata: ["why": "\(why)"])
        } else if isWell, !wasWell {
            services.log.notice("the canary's changes arrive again")
        }
    }
}
