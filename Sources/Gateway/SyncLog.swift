// What each device synced, a row an answer: collected on every lane, written by the registry's in batches. A
// log that cannot be written fails no request; what does not fit is dropped and counted.

import Domain
import FanOut
import HTTP
import Lanes
import Logging
import Registry
import Settings
import Synchronization
import Telemetry

/// What an endpoint knows of its answer. A value.
struct SyncFigures: Sendable {
    var from: Seq?
    var to: Seq?
    var records: Int?
    /// Of a registration: who holds the token now.
    var grant: Grant?
}

/// What a request's log row will say beside its status, bytes and duration. A value.
struct SyncReceipt: Sendable {
    let kind: SyncLogEntry.Kind
    /// Nil: the credential was refused.
    let grant: Grant?
    var figures: SyncFigures
    let address: String
    let agent: String

    func with(_ figures: SyncFigures?) -> SyncReceipt {
        var receipt = self
        if let figures { receipt.figures = figures }
        return receipt
    }
}

extension Route {
    /// Under which name its requests are logged; nil: they are not. Streams are, at their end.
    var logKind: SyncLogEntry.Kind? {
        switch self {
        case .register: .register
        case .full: .full
        case .changes: .changes
        case .batch: .batch
        case .stream, .ticket, .ack, .digest, .records, .record, .page: nil
        }
    }
}

/// Rows that wait to be written. From any lane.
final class SyncLog: Sendable {
    private static let waitingMax = 10_000

    private let waiting = Mutex<[SyncLogEntry]>([])
    private let clock: WallClock
    private let detail: AddressDetail
    private let keptFor: Duration

    init(_ configuration: Configuration, clock: WallClock) {
        self.clock = clock
        detail = configuration.logs.addresses
        keptFor = configuration.retention.syncLogs
    }

    /// A request was answered. Those of nobody, and those beyond a limit, are only counted: their number is
    /// the sender's choice.
    func add(_ receipt: SyncReceipt, _ answer: Answered) {
        guard answer.status != 429, let grant = receipt.figures.grant ?? receipt.grant else { return }
        add(
            SyncLogEntry(
                at: clock.now, kind: receipt.kind, grant: grant,
                from: receipt.figures.from, to: receipt.figures.to, records: receipt.figures.records,
                bytes: answer.bytes, duration: answer.duration, status: answer.status, reason: nil,
                address: shown(receipt.address), agent: receipt.agent))
    }

    /// A stream ended.
    func add(_ stream: StreamEnded) {
        let who = stream.identity
        let grant = Grant(
            token: who.token, business: stream.business, device: DeviceID(who.device),
            abilities: Abilities([]))
        add(
            SyncLogEntry(
                at: clock.now, kind: .stream, grant: grant, from: stream.from, to: stream.to,
                records: stream.records, bytes: stream.bytes, duration: .seconds(stream.seconds), status: 200,
                reason: stream.reason.label, address: shown(who.address), agent: who.agent))
    }

    private func shown(_ address: String) -> String? {
        switch detail {
        case .full: address
        case .truncated: NumericAddress.block(address, ipv4Bits: 24, ipv6Bits: 48)
        case .none: nil
        }
    }

    private func add(_ entry: SyncLogEntry) {
        let isKept = waiting.withLock { waiting in
            guard waiting.count < Self.waitingMax else { return false }
            waiting.append(entry)
            return true
        }
        if !isKept { Self.dropped.add() }
    }

    /// Writes what waits, and lets go of what is too old. On the registry's lane, a few times a second.
    func flush(to registry: Registry, log: Logger) {
        let entries = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        do {
            try registry.log(entries)
            try registry.pruneSyncLogs(keeping: keptFor)
        } catch {
            Self.dropped.add(entries.count)
            log.error("the sync log could not be written", metadata: ["error": "\(error)"])
        }
    }

    static let dropped = Counter(
        "tidings_sync_log_dropped_total", help: "Rows of the sync log that could not be written.")
}
