// What an incremental answer costs, in a small database and in a large one: it must be the same. Counted in
// SQLite's own steps, which are exact, in CPU time of the whole gateway, and as a client sees it.

import ArgumentParser
import Domain
import Foundation
import GRDB
import GRDBSQLite
import Journal
import Lanes
import SQLiteEngine
import Settings
import Synchronization
import TidingsTesting

struct ChangesBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "changes", abstract: "/sync/changes with 25 changes, by the size of the database.")

    @Option(help: "Products in the database, a run each.") var products = "10000,1000000"
    @Option(help: "Changed products in the answer.") var changed = 25
    @Option(help: "Requests a run.") var requests = 2_000

    func run() throws {
        print(
            "products  records   steps   empty   single   rows scanned   CPU µs a request   p50 µs   p99 µs")
        for size in products.split(separator: ",").compactMap({ Int($0) }) {
            let gateway = try TidingsRig.withProducts(size)
            let target = try change(gateway)
            let work = try StatementWork(gateway.database, target)
            let (cpu, wall) = try ask(gateway, target)
            let figures = [
                (size.description, 8), ("\(work.records)", 9), ("\(work.changes.steps)", 8),
                ("\(work.empty.steps)", 8), ("\(work.single.steps)", 9), ("\(work.scanned)", 15),
                (cpu.text(0), 19), (wall.percentile(0.5).text(0), 9), (wall.percentile(0.99).text(0), 9),
            ]
            print(figures.map { $0.0.leftPadded($0.1) }.joined())
            printJSON([
                "bench": "changes", "products": size, "records": work.records, "steps": work.changes.steps,
                "steps_empty": work.empty.steps, "steps_single": work.single.steps,
                "rows_scanned": work.scanned, "cpu_us": cpu, "p50_us": wall.percentile(0.5),
                "p99_us": wall.percentile(0.99),
            ])
        }
    }

    /// Changes products all over the table. Returns the token from before.
    private func change(_ gateway: TidingsRig) throws -> String {
        func ask(_ query: String) throws -> Answer {
            try TillSocket.ask(
                port: gateway.port, "GET", "/sync/changes?" + query, token: gateway.bearer)
        }
        // Once the gateway has seen the head, a second ago is a position.
        let end = ContinuousClock.now + .seconds(60)
        var token: String?
        while token == nil {
            guard ContinuousClock.now < end else { throw SocketFailure(description: "no position") }
            usleep(500_000)
            let now = Timestamp(microseconds: WallClock.system.now.microseconds - 100_000)
            let answer = try ask("limit=1&since=\(now)")
            if answer.json?["full"] == nil { token = answer.json?["sync_token"] as? String }
        }
        let queue = try DatabaseQueue(path: gateway.database)
        try queue.write { db in
            try db.execute(
                sql: "UPDATE products SET price = '7.77' WHERE id % (SELECT max(id) / ? FROM products) = 0",
                arguments: [changed])
        }
        return token ?? ""
    }

    /// CPU microseconds of the gateway for each request, and each request's time.
    private func ask(_ gateway: TidingsRig, _ token: String) throws -> (Double, Summary) {
        let socket = try TillSocket(port: gateway.port)
        func once() throws {
            try socket.request(
                "GET", "/sync/changes?sync_token=\(token)",
                headers: [("Authorization", "Bearer \(gateway.bearer)")])
            guard try socket.readAnswer().status == 200 else { throw SocketFailure(description: "not 200") }
        }
        for _ in 0..<200 { try once() }
        let before = try ProcessFigures(pid: gateway.pid).cpuSeconds
        var times: [Double] = []
        for _ in 0..<requests {
            let start = ContinuousClock.now
            try once()
            times.append(Double((ContinuousClock.now - start).components.attoseconds) / 1e12)
        }
        let cpu = try ProcessFigures(pid: gateway.pid).cpuSeconds - before
        return (cpu * 1e6 / Double(requests), Summary(times))
    }
}

/// What SQLite does for answers, by its own counters: the same reader, on the same file.
private struct StatementWork {
    /// Of one answer.
    struct Count {
        /// Instructions of SQLite's virtual machine.
        var steps = 0
        /// Rows walked without an index.
        var scanned = 0
    }

    /// In the answer with changes.
    let records: Int
    let changes: Count
    /// The answer to whoever has everything.
    let empty: Count
    /// One record by its id.
    let single: Count

    var scanned: Int { changes.scanned + empty.scanned + single.scanned }

    /// The newest connection, as SQLite names it when it is opened.
    private static let newest = Atomic<Int>(0)

    init(_ path: String, _ token: String) throws {
        typealias Opened =
            @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?, UnsafeRawPointer?) -> Int32
        let opened: Opened = { connection, _, _ in
            StatementWork.newest.store(Int(bitPattern: connection), ordering: .relaxed)
            return SQLITE_OK
        }
        unsafe sqlite3_auto_extension(unsafeBitCast(opened, to: (@convention(c) () -> Void).self))
        defer { sqlite3_reset_auto_extension() }
        guard case .token(let token) = SyncToken.parse(token) else {
            throw SocketFailure(description: "no token: \(token)")
        }
        let catalogue = try CatalogueFile.embedded()
        let ledger = TotalsLedger(try Self.book(path, token.epoch))
        let reader = try SQLiteStateReader(
            file: DatabaseFile(path: path), catalogue: catalogue, ledger: ledger, clock: .system)
        let connection = unsafe OpaquePointer(bitPattern: Self.newest.load(ordering: .relaxed))
        func count(_ answer: () throws -> Void) throws -> Count {
            // The first time statements are prepared.
            try answer()
            _ = unsafe Self.counted(connection)
            try answer()
            return unsafe Self.counted(connection)
        }
        let scope = Scope(business: BusinessID(1), entities: catalogue.defaultSet)
        let delta = try reader.page(after: token, scope: scope, limit: 1_000)
        records = delta.recordCount
        changes = try count { _ = try reader.page(after: token, scope: scope, limit: 1_000) }
        empty = try count { _ = try reader.page(after: delta.token, scope: scope, limit: 1_000) }
        guard let products = EntityName("products").flatMap(catalogue.number(named:)) else {
            throw SocketFailure(description: "no products")
        }
        single = try count {
            _ = try reader.record(.integer(1), of: products, business: BusinessID(1), fields: nil)
        }
    }

    /// The counters of all the connection's statements, set back to zero.
    private static func counted(_ connection: OpaquePointer?) -> Count {
        var count = Count()
        var statement = unsafe sqlite3_next_stmt(connection, nil)
        while let current = unsafe statement {
            count.steps += Int(unsafe sqlite3_stmt_status(current, SQLITE_STMTSTATUS_VM_STEP, 1))
            count.scanned += Int(unsafe sqlite3_stmt_status(current, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1))
            unsafe statement = sqlite3_next_stmt(connection, current)
        }
        return count
    }

    /// The totals at the head, counted here as the gateway counted them at its start.
    private static func book(_ path: String, _ epoch: Epoch) throws -> TotalsLedger.Book {
        let queue = try DatabaseQueue(path: path)
        return try queue.read { db in
            let newest = try Row.fetchOne(
                db, sql: "SELECT seq, nonce FROM tidings_journal ORDER BY seq DESC LIMIT 1")
            let head = Head(
                epoch: epoch, seq: Seq(newest?["seq"] ?? 0), nonce: NonceTag(nonce: newest?["nonce"] ?? 0))
            var totals: [EntityNumber: Total] = [:]
            let rows = try Row.fetchCursor(
                db, sql: "SELECT entity, id, version FROM tidings_state WHERE dead = 0 AND business = 1")
            while let row = try rows.next() {
                guard let entity = EntityNumber(row["entity"] as Int) else { continue }
                totals[entity, default: Total()].fold(
                    id: .integer(row["id"]), was: nil, operation: .created, version: row["version"])
            }
            return TotalsLedger.Book(at: head, totals: [BusinessID(1): totals])
        }
    }
}
