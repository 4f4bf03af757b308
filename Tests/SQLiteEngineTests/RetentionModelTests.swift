// Retention against a model: seeded shops that write, delete and re-create; devices that poll in pages, give
// up, acknowledge, fall silent and return; a purge that runs hot. Held at every step:
//
//     a device that was heard of within `maxOffline`, and presents what it stored, is never refused
//     a copy that was promised to be whole equals the table, also after a refusal and a full download
//     totals are exact, and the newest journal row stays
//
//     TIDINGS_TEST_ROUNDS=500 swift test --filter RetentionModel     the long run

import Domain
import Foundation
import GRDB
import Journal
import Lanes
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct RetentionModelTests {
    @Test func noProtectedDeviceIsRefusedAndNoGhostSurvives() throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = (environment["TIDINGS_TEST_ROUNDS"].flatMap { Int($0) } ?? 12)
        let first = environment["TIDINGS_TEST_SEED"].flatMap { UInt64($0) } ?? 1
        var sum = RetentionModel.Counts()
        for seed in first..<(first + UInt64(rounds)) {
            let model = try RetentionModel(seed: seed)
            for _ in 0..<250 where model.problems.isEmpty { try model.step() }
            try model.finish()
            guard model.problems.isEmpty else {
                Issue.record("TIDINGS_TEST_SEED=\(seed): \(model.problems.prefix(5).joined(separator: "\n"))")
                return
            }
            sum += model.counts
        }
        print("retention model: \(sum)")
        #expect(sum.rows > 0 && sum.tombstones > 0 && sum.refusals > 0 && sum.compared > 0, "\(sum)")
        #expect(sum.foldedAfterPurge > 0, "no read was ever overtaken")
    }
}

/// A shop, its devices and its retention. Used by one test.
final class RetentionModel {
    struct Counts: CustomStringConvertible {
        var rows = 0
        var tombstones = 0
        var refusals = 0
        var compared = 0
        var foldedAfterPurge = 0

        static func += (sum: inout Counts, other: Counts) {
            sum.rows += other.rows
            sum.tombstones += other.tombstones
            sum.refusals += other.refusals
            sum.compared += other.compared
            sum.foldedAfterPurge += other.foldedAfterPurge
        }

        var description: String {
            "\(rows) rows and \(tombstones) tombstones purged, \(refusals) refused, \(compared) copies compared"
        }
    }

    /// What a device holds, and what the server knows of it.
    private struct Device {
        let business: BusinessID
        var copy: [Int64: Int64] = [:]
        var token: SyncToken?
        var stored = Seq.zero
        var heardAt = Timestamp(microseconds: 0)
    }

    private static let rules = RetentionRules(
        journalAge: .seconds(5), journalRows: 25, tombstones: .seconds(8), maxOffline: .seconds(60))
    private static let entities = EntitySet(bits: 0b10)

    private let fixture: HookFixture
    private let writer: DatabaseQueue
    private let source: SQLiteChangeSource
    private let reader: SQLiteStateReader
    private let ledger: TotalsLedger
    private let purger: Purger
    private let ages = Observations(countMax: 64)
    private var devices: [Device]
    private var random: SeededRandom
    private var now = Timestamp(microseconds: 1)
    private var read: Head
    private var served: Head
    private(set) var problems: [String] = []
    private(set) var counts = Counts()

    init(seed: UInt64) throws {
        fixture = try HookFixture()
        random = SeededRandom(seed: seed)
        writer = try fixture.shop.file.open(.checkpointer)
        ledger = TotalsLedger(TotalsLedger.Book(at: Head(epoch: Epoch(0), seq: .zero, nonce: .none)))
        source = SQLiteChangeSource(
            file: fixture.shop.file, catalogue: fixture.catalogue, ledger: ledger,
            sidePath: fixture.path + ".served",
            crashes: .here(everyWriterWaits: true))
        reader = try SQLiteStateReader(
            file: fixture.shop.file, catalogue: fixture.catalogue, ledger: ledger, clock: .system)
        purger = Purger(file: fixture.shop.file)
        read = try source.open()
        served = read
        devices = [1, 1, 1, 2, 2].map { Device(business: BusinessID($0 as Int64)) }
    }

    func step() throws {
        now = now + .milliseconds(random.below(400))
        switch random.below(100) {
        case 0..<45: try write()
        case 45..<60: try tail()
        case 60..<75: try purge()
        case 75..<92: try poll(random.below(devices.count), pagesMax: random.below(3) + 1)
        case 92..<95: acknowledge(random.below(devices.count))
        case 95..<97: try download(random.below(devices.count))
        default: now = now + .seconds(random.below(25))
        }
        let kept = try fixture.count("SELECT count(*) FROM tidings_journal")
        if read.seq > .zero, kept == 0 { problems.append("the newest row is gone") }
    }

    func finish() throws {
        try tail()
        for index in devices.indices { try poll(index, pagesMax: 1_000) }
    }

    // MARK: The shop

    private func write() throws {
        let (id, business) = (random.below(30) + 1, random.below(2) + 1)
        let row = "\(business * 100 + id)"
        let statements = [
            "INSERT INTO products(id,business_id,name) VALUES(\(row),\(business),'p') ON CONFLICT(id) DO UPDATE "
                + "SET name=name||'.', deleted_at=NULL",
            "DELETE FROM products WHERE id=\(row)",
            "UPDATE products SET deleted_at='2026-01-01T00:00:00.000000Z' WHERE id=\(row)",
        ]
        let sql = statements[random.below(statements.count)]
        try writer.inDatabase { try $0.execute(sql: sql) }
    }

    /// The tailer reads; a second later what it read is written down as served.
    private func tail() throws {
        served = read
        read = try source.read(after: read, interest: Interest(), rowsMax: 100)?.head ?? read
        ages.record(read, at: now)
    }

    private func purge() throws {
        var holds: [BusinessID: Seq] = [:]
        for device in devices where isActive(device) {
            holds[device.business] = min(holds[device.business] ?? .max, device.stored)
        }
        let limits = RetentionLimits(Self.rules, served: served, now: now, ages: ages, holds: holds)
        for _ in 0...random.below(8) {
            counts.rows += try purger.purgeJournal(limits, rowsMax: 7)
            counts.tombstones += try purger.purgeTombstones(limits, rowsMax: 3)
        }
    }

    // MARK: Devices

    private func isActive(_ device: Device) -> Bool {
        device.heardAt > now - Self.rules.maxOffline
    }

    private func acknowledge(_ index: Int) {
        guard let token = devices[index].token, token.isSettled else { return }
        devices[index].stored = token.pos
        devices[index].heardAt = now
    }

    private func poll(_ index: Int, pagesMax: Int) throws {
        guard devices[index].token != nil else { return try download(index) }
        for _ in 0..<pagesMax {
            guard let token = devices[index].token else { return }
            let wasActive = isActive(devices[index])
            do {
                let delta = try reader.page(
                    after: token, scope: scope(index), limit: [1, 2, 5, 100][random.below(4)])
                if token.isSettled { acknowledge(index) }
                try apply(delta, index)
                if !delta.hasMore { return }
            } catch let refusal as Refusal {
                counts.refusals += 1
                let isOwn = token.pos >= devices[index].stored
                if refusal.reason != .retention || wasActive && isOwn {
                    problems.append(
                        "device \(index) at \(token.pos), stored \(devices[index].stored): \(refusal)")
                }
                return try download(index)
            }
        }
    }

    /// Everything, in pages; never given up, but purged under its feet.
    private func download(_ index: Int) throws {
        devices[index].copy = [:]
        var delta = try reader.firstPage(scope: scope(index), limit: 4)
        try apply(delta, index)
        while delta.hasMore {
            if random.below(3) == 0 { try write() }
            if random.below(4) == 0 { try purge() }
            delta = try reader.page(after: delta.token, scope: scope(index), limit: 4)
            try apply(delta, index)
        }
    }

    private func scope(_ index: Int) -> Scope {
        Scope(business: devices[index].business, entities: Self.entities)
    }

    private func apply(_ delta: Delta, _ index: Int) throws {
        if delta.isFull { devices[index].copy = [:] }
        for part in delta.entities {
            for list in [part.created, part.updated] {
                let text = Data("[".utf8) + Data(list.bytes) + Data("]".utf8)
                for case let record as [String: Any] in try JSONSerialization.jsonObject(with: text) as? [Any]
                    ?? []
                {
                    guard let id = record["id"] as? NSNumber, let version = record["version"] as? NSNumber
                    else { continue }
                    devices[index].copy[id.int64Value] = version.int64Value
                }
            }
            for case .integer(let id) in part.deleted { devices[index].copy[id] = nil }
        }
        devices[index].token = delta.token
        if !delta.hasMore { try compare(delta, index) }
    }

    private func compare(_ delta: Delta, _ index: Int) throws {
        let business = devices[index].business
        counts.compared += 1
        if ledger.countedTo.seq < delta.to { counts.foldedAfterPurge += 1 }
        let table = try fixture.queue.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT id, version FROM products WHERE business_id = ? AND deleted_at IS NULL",
                arguments: [business.key == .integer(1) ? 1 : 2])
        }
        let live = Dictionary(uniqueKeysWithValues: table.map { ($0[0] as Int64, $0[1] as Int64) })
        if live != devices[index].copy {
            problems.append("device \(index) holds \(devices[index].copy), the table \(live)")
        }
        var total = Total()
        for (id, version) in live {
            total.fold(id: .integer(id), was: nil, operation: .created, version: version)
        }
        if delta.entities.first?.total != total { problems.append("the total of \(business) is wrong") }
    }
}

extension SeededRandom {
    fileprivate mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
