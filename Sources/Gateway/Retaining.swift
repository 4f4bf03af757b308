// Retention at work: what may go is decided anew each `retention.check` from what devices have stored, and
// goes in small batches with pauses, so that the shop's writers never wait long. The same turn writes down
// what must survive a restart: observations and service time.
//
//     own lane ──► registry lane: write down, lowest stored positions ──► own lane: decide, purge, purge, …
//                                                                                    20 ms between batches

import Domain
import Journal
import Lanes
import Logging
import Registry
import SQLiteEngine
import Settings

/// Purges what nobody needs. Lives on its worker lane.
final class Retaining {
    /// Rows in one transaction: a few milliseconds of write lock.
    private static let batchRows = 500
    private static let batchPause = Duration.milliseconds(20)
    /// Stored positions are asked for again after this long, also in the middle of a long purge.
    private static let decisionAgeMax = Duration.seconds(5)

    private let purger: Purger
    private let lane: WorkerLane
    private let services: Services
    private var own: Confined<Retaining>?
    private var alarm: (any Alarm)?
    private var isStopped = false

    init(file: DatabaseFile, lane: WorkerLane, services: Services) {
        purger = Purger(file: file)
        self.lane = lane
        self.services = services
    }

    func start(own: Confined<Retaining>) {
        self.own = own
        turn()
    }

    func stop() {
        isStopped = true
        alarm?.cancel()
    }

    private func turn() {
        guard let own, !isStopped else { return }
        let services = services
        let rules = RetentionRules(services.configuration.retention)
        let served = services.status.served
        services.registry.post { registry in
            let result = Result {
                try services.writeDown(in: registry)
                return try served.map { served in
                    RetentionLimits(
                        rules, served: served, now: registry.service.now, ages: services.ages,
                        holds: try registry.holds(in: served.epoch, maxOffline: rules.maxOffline))
                }
            }
            own.post { $0.decided(result) }
        }
    }

    private func decided(_ result: Result<RetentionLimits?, any Error>) {
        switch result {
        case .success(let limits?): purge(limits, until: .now + Self.decisionAgeMax)
        case .success(nil): rest()
        case .failure(let error):
            services.log.error("retention could not decide", metadata: ["error": "\(error)"])
            rest()
        }
    }

    private func purge(_ limits: RetentionLimits, until end: ContinuousClock.Instant) {
        guard !isStopped else { return }
        guard ContinuousClock.now < end else { return turn() }
        do {
            let rows = try purger.purgeJournal(limits, rowsMax: Self.batchRows)
            let tombstones = try purger.purgeTombstones(limits, rowsMax: Self.batchRows)
            guard rows == Self.batchRows || tombstones > 0 else { return rest() }
            alarm = lane.after(Self.batchPause) { [weak self] in self?.purge(limits, until: end) }
        } catch {
            // A busy writer, or another history that the tailer is about to notice: next time.
            services.log.debug("retention waits", metadata: ["why": "\(error)"])
            rest()
        }
    }

    private func rest() {
        guard !isStopped else { return }
        alarm = lane.after(services.configuration.retention.check) { [weak self] in self?.turn() }
    }
}

extension Services {
    /// Writes down what a restart must not lose: when which head was seen, and how long we have been here.
    func writeDown(in registry: Registry) throws {
        for (list, scale) in [(observations, ObservationScale.wall), (ages, .service)] {
            do {
                switch list.takeGrowth() {
                case .appended(let some): try registry.keep(some, scale, replacing: false)
                case .replaced(let all): try registry.keep(all, scale, replacing: true)
                case nil: break
                }
            } catch {
                list.writingFailed()
                throw error
            }
        }
        try registry.keepService()
    }
}

extension RetentionRules {
    init(_ retention: Configuration.Retention) {
        self.init(
            journalAge: retention.journalAge, journalRows: retention.journalRows,
            tombstones: retention.tombstones, maxOffline: retention.maxOffline)
    }
}
