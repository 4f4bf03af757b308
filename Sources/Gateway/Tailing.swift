// Everything on the tailer's lane: the tailer itself, the watch on the -wal file, the looks that happen each
// second.

import Domain
import FanOut
import Journal
import Lanes
import Logging
import Registry
import SQLiteEngine
import Settings
import Telemetry

/// The tailer and its surroundings. Lives on the tailer's lane.
final class Tailing {
    private let source: SQLiteChangeSource
    private let tailer: Tailer
    private let lane: WorkerLane
    private let watch: FileWatch
    /// Embedded only.
    private let checkpointing: Confined<Checkpointing>?
    private let services: Services
    private var alarm: (any Alarm)?
    private var fileAlarm: (any Alarm)?
    private var remembered: Head?
    private var failures = FailureLog()
    private var drifted = 0

    init(
        file: DatabaseFile, source: SQLiteChangeSource, hub: Confined<Hub>, lane: WorkerLane,
        settings: TailerSettings,
        checkpointing: Confined<Checkpointing>?, keeping: Confined<Keeping>, services: Services
    ) {
        source.onSchemaChange = { keeping.post { $0.schemaChanged() } }
        self.source = source
        self.lane = lane
        self.services = services
        let status = services.status
        let sink = HubSink(hub: hub)
        let watch = FileWatch(path: file.walPath, on: lane, restingFor: settings.poll * 2)
        let tailer = Tailer(
            source: source, sink: sink, lane: lane, settings: settings, wasWritten: watch.takeNews,
            report: { status.tailer($0) })
        watch.onWrite = { [weak tailer] in tailer?.wake() }
        self.tailer = tailer
        self.watch = watch
        self.checkpointing = checkpointing
        checkpointing?.post { $0.start() }
    }

    func start() {
        tailer.start()
        look()
        checkFile()
    }

    /// Something of our own was committed just now.
    func committed() { tailer.committed() }

    /// Is it still the same file?
    private func checkFile() {
        watch.rearm()
        let status = services.status.tailer
        do {
            if status.head != nil, status.failure == nil { try source.checkIdentity() }
        } catch {
            services.log.warning("the database was replaced", metadata: ["why": "\(error)"])
            checkpointing?.post { $0.fileReplaced() }
            tailer.restart()
        }
        fileAlarm = lane.after(services.configuration.journal.fileCheck) { [weak self] in self?.checkFile() }
    }

    /// Once a second: what was served last and when.
    private func look() {
        let status = services.status.tailer
        do {
            if let head = status.head, status.failure == nil {
                services.observations.record(head, at: services.clock.now)
                services.ages.record(head, at: services.service.now)
                if head != remembered {
                    try source.remember(head, clean: false)
                    remembered = head
                    services.status.served(head)
                }
            }
        } catch {
            services.log.error("keeping house failed", metadata: ["error": "\(error)"])
        }
        if let failure = failures.news(status.failure) {
            services.log.error("the journal cannot be read", metadata: ["error": "\(failure)"])
        }
        tellDrift()
        alarm = lane.after(.seconds(1)) { [weak self] in self?.look() }
    }

    /// The gateway's own drift: the state index calls records live whose rows are not there.
    private func tellDrift() {
        let now = SQLiteStateReader.driftedRecords.value
        if now > drifted {
            services.log.warning(
                "rows are missing that the state index calls live: hooks were bypassed",
                metadata: ["records": "\(now - drifted)"])
        }
        drifted = now
    }

    /// Reads no more, and says that it ended in order.
    func stop() {
        alarm?.cancel()
        fileAlarm?.cancel()
        tailer.stop()
        checkpointing?.post { $0.stop() }
        guard let head = services.status.tailer.head else { return }
        do {
            try source.remember(head, clean: true)
        } catch {
            services.log.error("the side file could not be written", metadata: ["error": "\(error)"])
        }
    }
}

/// Says a failure once, not once a second.
private struct FailureLog {
    private var last: String?

    mutating func news(_ failure: String?) -> String? {
        defer { last = failure }
        return failure != last ? failure : nil
    }
}

/// The hub as the tailer sees it: both live on the same lane.
private final class HubSink: TailSink {
    private let hub: Confined<Hub>
    init(hub: Confined<Hub>) { self.hub = hub }

    var interest: Interest { hub.with { $0.interest } }
    func historyBegan(at head: Head) { hub.with { $0.historyBegan(at: head) } }
    func publish(_ snapshot: JournalSnapshot) { hub.with { $0.publish(snapshot) } }
}
