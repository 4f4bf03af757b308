// What the hooks cost a writer: wall time of a one-row transaction at synchronous=FULL with and without them, and the CPU
// time of a row with a cached statement, with one prepared anew, and in bulk.

import ArgumentParser
import Domain
import Foundation
import GRDB
import Glibc
import SQLiteEngine
import Settings

struct HooksBench: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hooks", abstract: "The hooks' cost to a writer.")

    @Option(help: "Products in the table.") var rows = 20_000
    @Option(help: "One-row transactions a measurement.") var transactions = 2_000

    private struct Cost {
        var wall = 0.0
        var cached = 0.0
        var fresh = 0.0
        var insert = 0.0
        var bulk = 0.0
    }

    func run() throws {
        let bare = try measure(hooked: false)
        let hooked = try measure(hooked: true)
        print("a one-row transaction on a table of \(rows) products, µs          bare   hooked")
        func line(_ title: String, _ path: KeyPath<Cost, Double>, _ note: String) {
            let (a, b) = (bare[keyPath: path], hooked[keyPath: path])
            print("  \(title.padding(toLength: 52, withPad: " ", startingAt: 0)) \(a.text(1))   \(b.text(1))   \(note)")
        }
        line("wall, UPDATE, synchronous=FULL", \.wall, "\((hooked.wall / bare.wall).text()) ×")
        line("CPU, UPDATE, cached statement", \.cached, "")
        line("CPU, UPDATE, prepared anew", \.fresh, "")
        line("CPU, INSERT, cached statement", \.insert, "")
        line("CPU a row, UPDATE of 10,000 rows at once", \.bulk, "")
        printJSON([
            "bench": "hooks", "rows": rows, "wall_bare_us": bare.wall, "wall_hooked_us": hooked.wall,
            "cpu_cached_us": hooked.cached, "cpu_fresh_us": hooked.fresh, "cpu_insert_us": hooked.insert,
            "cpu_bulk_us": hooked.bulk,
        ])
    }

    private func measure(hooked: Bool) throws -> Cost {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tidings-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let shop = ShopDatabase(
            file: DatabaseFile(path: directory.appendingPathComponent("shop.db").path),
            catalogue: try CatalogueFile.embedded())
        try shop.create()
        _ = try shop.createBusiness(named: "bench")
        let queue = try shop.file.open(.checkpointer)
        if !hooked { try shop.installer(queue).remove() }
        return try queue.inDatabase { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                    INSERT INTO products(business_id, name, sku) SELECT 1, 'product ' || i, 's' || i FROM n
                    """, arguments: [rows])
            return try costs(db)
        }
    }

    private func costs(_ db: Database) throws -> Cost {
        var cost = Cost()
        let update = try db.makeStatement(sql: "UPDATE products SET price = ? WHERE id = ?")
        let insert = try db.makeStatement(sql: "INSERT INTO products(business_id, name) VALUES (1, ?)")
        var number = 0
        func one(_ body: () throws -> Void) rethrows { number += 1; try body() }
        func price() -> StatementArguments { ["\(number).00", Int64(number * 7_919 % rows + 1)] }
        for _ in 0..<200 { try one { try update.execute(arguments: price()) } }
        let start = ContinuousClock.now
        for _ in 0..<transactions { try one { try update.execute(arguments: price()) } }
        cost.wall = Self.microseconds(ContinuousClock.now - start) / Double(transactions)
        try db.execute(sql: "PRAGMA synchronous = OFF")
        cost.cached = try cpu { for _ in 0..<transactions { try one { try update.execute(arguments: price()) } } }
        cost.insert = try cpu { for _ in 0..<transactions { try one { try insert.execute(arguments: ["n\(number)"]) } } }
        cost.fresh = try cpu {
            for _ in 0..<transactions {
                try one { try db.makeStatement(sql: "UPDATE products SET price = ? WHERE id = ?").execute(arguments: price()) }
            }
        }
        let bulk = try db.makeStatement(sql: "UPDATE products SET price = ? WHERE id <= 10000")
        cost.bulk = try cpu { for _ in 0..<10 { try one { try bulk.execute(arguments: ["\(number).00"]) } } }
        cost.bulk = cost.bulk * Double(transactions) / 100_000
        return cost
    }

    /// CPU microseconds of this process, for each of `transactions`.
    private func cpu(_ work: () throws -> Void) rethrows -> Double {
        func now() -> Double {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
        }
        let start = now()
        try work()
        return (now() - start) / Double(transactions)
    }

    private static func microseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1e6 + Double(duration.components.attoseconds) / 1e12
    }
}
