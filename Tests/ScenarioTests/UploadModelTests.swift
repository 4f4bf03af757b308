// Random operations from several devices, sent again, in other batches, by other devices, cut off by crashes:
// what becomes of each is what a simple model says, in the end the tables hold what the model holds, and so
// does every device's copy.
//
//     TIDINGS_TEST_UPLOAD_ROUNDS=200 swift test --filter UploadModelTests      the long run
//     TIDINGS_TEST_SEED=7 …                                                    one round again

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadModelTests {
    static var rounds: [UInt64] {
        if let seed = ModelCheckTests.environment["TIDINGS_TEST_SEED"].flatMap({ UInt64($0) }) {
            return [seed]
        }
        let count = ModelCheckTests.environment["TIDINGS_TEST_UPLOAD_ROUNDS"].flatMap { Int($0) } ?? 4
        return (0..<count).map { UInt64($0) }
    }

    @Test func whateverIsSentHoweverOftenEndsAsASequentialModelSays() throws {
        let daemon = try Daemon()
        var sums = UploadRound.Counts()
        for seed in Self.rounds {
            let round = try UploadRound(daemon, seed: seed)
            try round.run(steps: 60)
            #expect(round.wrong.isEmpty, "seed \(seed): \(round.wrong.prefix(5))")
            guard round.wrong.isEmpty else { break }
            sums += round.counts
        }
        print("uploads: \(Self.rounds.count) rounds, \(sums)")
        // Not a test that never met what it is about.
        for status in ["applied", "duplicate", "conflict", "invalid", "skipped", "rejected"] {
            #expect(sums.statuses[status] ?? 0 > 0, "no \(status)")
        }
        #expect(sums.crashes > 0)
    }
}

/// One business, three devices, one seed. Used by one thread at a time.
final class UploadRound {
    struct Counts {
        var batches = 0
        var crashes = 0
        var crashesAfterCommit = 0
        var statuses: [String: Int] = [:]

        static func += (sum: inout Counts, other: Counts) {
            sum.batches += other.batches
            sum.crashes += other.crashes
            sum.crashesAfterCommit += other.crashesAfterCommit
            sum.statuses.merge(other.statuses, uniquingKeysWith: +)
        }
    }

    private struct Device {
        let uploader: Uploader
        let till: WanderingTill
        /// Groups that were not answered yet, in order.
        var queue: [[PlannedOperation]] = []
    }

    private static let entities = ["products", "parties", "sales", "sale_items"]

    private let daemon: Daemon
    private let business: Int
    private let shop: (warehouse: Int, variant: Int, product: Int)
    private var random: SeededRandom
    private var devices: [Device] = []
    private var model = UploadModel()
    private var planner: UploadPlanner
    /// Everything that was ever sent.
    private var sent: [[PlannedOperation]] = []
    private(set) var wrong: [String] = []
    private(set) var counts = Counts()

    init(_ daemon: Daemon, seed: UInt64) throws {
        self.daemon = daemon
        random = SeededRandom(seed: seed &* 7_919 &+ 1)
        let (business, owner) = try daemon.newBusiness()
        self.business = business
        let uploaders = try (0..<3).map {
            try Uploader(daemon, business: business, owner: owner, device: "till-\($0)")
        }
        shop = try uploaders[0].stockShop()
        devices = uploaders.enumerated().map { index, uploader in
            let till = WanderingTill(
                daemon: daemon, token: uploader.token, entities: Self.entities, foreignCanaries: [],
                seed: seed &+ UInt64(index) &* 1_000)
            return Device(uploader: uploader, till: till)
        }
        planner = UploadPlanner(
            warehouse: shop.warehouse, variant: shop.variant, random: SeededRandom(seed: seed))
        model.insert("tea", entity: "products", fields: ["name": "tea", "price": "2.50"])
        planner.ids["tea"] = shop.product
    }

    func run(steps: Int) throws {
        for step in 0..<steps {
            let index = Int.random(in: 0..<devices.count, using: &random)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                devices[index].queue.append(planner.group(model))
            }
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<13: try upload(from: index)
            case 13..<15: try writeBySQL()
            case 15 where step > 10 && counts.crashes < 2: try crash(from: index)
            default: try devices[index].till.step()
            }
            if !wrong.isEmpty { return }
        }
        for index in devices.indices {
            while !devices[index].queue.isEmpty, wrong.isEmpty { try upload(from: index) }
        }
        try compare()
    }

    // MARK: Sending

    /// Some of the queue, sometimes behind something that was answered long ago, sometimes another's.
    private func batch(from index: Int) -> (groups: [[PlannedOperation]], own: Int, isAtomic: Bool) {
        let own = min(devices[index].queue.count, Int.random(in: 1...4, using: &random))
        var groups = Array(devices[index].queue.prefix(own))
        if Int.random(in: 0..<3, using: &random) == 0, let old = sent.randomElement(using: &random) {
            groups.insert(old, at: 0)
        }
        if Int.random(in: 0..<8, using: &random) == 0, let old = sent.last {
            groups.append(planner.forgery(of: old))
        }
        return (groups, own, Int.random(in: 0..<6, using: &random) == 0)
    }

    private func body(_ groups: [[PlannedOperation]], isAtomic: Bool) throws -> String {
        var operations: [[String: Any]] = []
        for group in groups {
            let name = UUID().uuidString
            operations += group.map { $0.json.merging(group.count > 1 ? ["group": name] : [:]) { $1 } }
        }
        return try Uploader.json(["operations": operations, "atomic": isAtomic])
    }

    private func upload(from index: Int) throws {
        let (groups, own, isAtomic) = batch(from: index)
        guard !groups.isEmpty else { return }
        let answer = try devices[index].uploader.send(text: body(groups, isAtomic: isAtomic))
        let expected = model.apply(groups, by: devices[index].uploader.device, isAtomic: isAtomic)
        sent += groups
        counts.batches += 1
        for status in answer.statuses { counts.statuses[status, default: 0] += 1 }
        if answer.statuses != expected {
            wrong.append("\(groups.joined().map(\.deed)) expected \(expected), was \(answer.json)")
            return
        }
        learn(answer)
        // Now and then the answer is lost on the way, and everything is sent again.
        guard Int.random(in: 0..<5, using: &random) > 0 else { return }
        devices[index].queue.removeFirst(own)
    }

    private func learn(_ answer: UploadAnswer) {
        for result in answer.results {
            guard let id = (result["id"] as? NSNumber)?.intValue, let operation = result["op_id"] as? String,
                model.records[operation] != nil
            else { continue }
            planner.ids[operation] = id
        }
    }

    /// The gateway dies with a batch on its way: afterwards all of it is there, or nothing.
    private func crash(from index: Int) throws {
        let (groups, _, isAtomic) = batch(from: index)
        guard !groups.isEmpty else { return }
        let uploader = devices[index].uploader
        let socket = try TillSocket(port: daemon.port)
        try socket.request(
            "POST", "/api/v1/sync/batch", headers: [("Authorization", "Bearer \(uploader.token)")],
            body: Data(body(groups, isAtomic: isAtomic).utf8))
        usleep(UInt32.random(in: 0...20_000, using: &random))
        daemon.kill()
        try daemon.start()
        counts.crashes += 1
        var after = model
        let statuses = after.apply(groups, by: uploader.device, isAtomic: isAtomic)
        let news = Set(after.remembered.keys).subtracting(model.remembered.keys)
        let found = try news.filter { try id(of: $0) != nil }
        if found.count == news.count, !news.isEmpty {
            counts.crashesAfterCommit += 1
            model = after
            for (operation, status) in zip(groups.joined(), statuses) where status == "applied" {
                guard model.records[operation.id] != nil else { continue }
                planner.ids[operation.id] = try id(of: operation.id).flatMap { Int($0) }
            }
        } else if !found.isEmpty {
            wrong.append("a batch was torn by a crash: \(found.count) of \(news.count)")
        }
        sent += groups
    }

    /// Nil: not remembered.
    private func id(of operation: String) throws -> String? {
        let text = try daemon.sql(
            "SELECT 'id '||ifnull(id,'') FROM tidings_operations "
                + "WHERE business=\(business) AND operation='\(operation)';"
        )
        return text.isEmpty ? nil : String(text.dropFirst(3))
    }

    private func writeBySQL() throws {
        let known = planner.ids.keys.sorted().filter {
            model.records[$0]?.isAlive == true && model.records[$0]?.entity == "products"
        }
        guard let handle = known.randomElement(using: &random), let id = planner.ids[handle] else { return }
        let price = planner.price()
        try daemon.sql(
            "UPDATE products SET price='\(price)', updated_at=strftime('%Y-%m-%dT%H:%M:%f000Z','now') "
                + "WHERE id=\(id);"
        )
        model.set(handle, ["price": price])
    }

    // MARK: Comparing

    private func compare() throws {
        for entity in Self.entities {
            let expected = expectation(entity)
            let found = try table(entity)
            if expected != found { wrong.append("\(entity): \(difference(expected, found))") }
            for device in devices {
                try device.till.finish()
                wrong += device.till.till.violations
                let held = (device.till.till.copy[entity] ?? [:]).mapValues { held in
                    line(held.version, entity) { held.record[$0] as? String }
                }
                if held != expected { wrong.append("a copy of \(entity): \(difference(expected, held))") }
            }
        }
        let items = try daemon.sql(
            "SELECT count(*) FROM sale_items i LEFT JOIN sales s ON s.id=i.sale_id "
                + "WHERE i.business_id=\(business) AND s.id IS NULL;")
        if items != "0" { wrong.append("\(items) items without a sale") }
    }

    private static func fields(of entity: String) -> [String] {
        switch entity {
        case "products": ["name", "price", "sku"]
        case "parties": ["name", "phone"]
        case "sales": ["note", "client_id"]
        default: ["quantity"]
        }
    }

    private func line(_ version: Int64, _ entity: String, _ field: (String) -> String?) -> String {
        ([String(version)] + Self.fields(of: entity).map { field($0) ?? "" }).joined(separator: "|")
    }

    private func expectation(_ entity: String) -> [String: String] {
        var lines: [String: String] = [:]
        for (handle, record) in model.records where record.entity == entity && record.isAlive {
            let id = planner.ids[handle].map(String.init) ?? "unknown \(handle)"
            lines[id] = line(Int64(record.version), entity) { record.fields[$0] }
        }
        return lines
    }

    private func table(_ entity: String) throws -> [String: String] {
        let columns = Self.fields(of: entity).map { "ifnull(\($0),'')" }.joined(separator: ",")
        let text = try daemon.sql(
            "SELECT id,version,\(columns) FROM \(entity) "
                + "WHERE business_id=\(business) AND deleted_at IS NULL;"
        )
        return Dictionary(
            uniqueKeysWithValues: text.split(separator: "\n").map { line in
                let parts = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), String(parts[1]))
            })
    }

    private func difference(_ expected: [String: String], _ found: [String: String]) -> String {
        Set(expected.keys).union(found.keys).filter { expected[$0] != found[$0] }.sorted().prefix(5)
            .map { "\($0): expected \(expected[$0] ?? "-"), found \(found[$0] ?? "-")" }.joined(
                separator: "; ")
    }
}
