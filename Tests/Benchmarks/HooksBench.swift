// What the hooks cost a writer: wall time of a one-row transaction at synchronous=FULL with and without them,
// and the CPU time of a row with a cached statement, with one prepared anew, and in bulk.

import ArgumentParser
import Domain
import Foundation
import GRDBSQLite
import Glibc
import SQLiteEngine
import Settings

struct HooksBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "The hooks' cost to a writer.")

    @Option(help: "Products in the table.") var rows = 20_000
    @Option(help: "One-row transactions a measurement.") var transactions = 1_000

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
            print(
                "  \(title.padding(toLength: 52, withPad: " ", startingAt: 0)) \(a.text(1))   \(b.text(1))   \(note)"
            )
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
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let shop = ShopDatabase(
            file: DatabaseFile(path: directory.appendingPathComponent("shop.db").path),
            catalogue: try CatalogueFile.embedded())
        try shop.create()
        _ = try shop.createBusiness(named: "bench")
        if !hooked { try shop.installer(try shop.file.open(.checkpointer)).remove() }
        let writer = try RawWriter(path: shop.file.path)
        try writer.run("PRAGMA synchronous = FULL")
        try writer.run(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
            INSERT INTO products(business_id, name, sku) SELECT 1, 'product ' || i, 's' || i FROM n
            """)
        return try costs(writer)
    }

    private func costs(_ writer: RawWriter) throws -> Cost {
        var cost = Cost()
        let update = try writer.prepare(
            "UPDATE products SET price = ?1 || '.00' WHERE id = ?1 * 7919 % \(rows) + 1")
        let insert = try writer.prepare("INSERT INTO products(business_id, name) VALUES (1, 'n' || ?1)")
        let bulk = try writer.prepare("UPDATE products SET price = ?1 || '.00' WHERE id <= 10000")
        var number: Int64 = 0
        func many(_ statement: RawWriter.Prepared) throws {
            for _ in 0..<transactions {
                number += 1
                try statement.run(number)
            }
        }
        try many(update)
        let start = ContinuousClock.now
        try many(update)
        cost.wall = Self.microseconds(ContinuousClock.now - start) / Double(transactions)
        try writer.run("PRAGMA synchronous = OFF")
        cost.cached = try cpu { try many(update) }
        cost.insert = try cpu { try many(insert) }
        cost.fresh = try cpu {
            for _ in 0..<transactions {
                number += 1
                try writer.run(
                    "UPDATE products SET price = '\(number).00' "
                        + "WHERE id = \(number * 7_919 % Int64(rows) + 1)"
                )
            }
        }
        cost.bulk =
            try cpu { for number in 1...10 { try bulk.run(Int64(number)) } } * Double(transactions) / 100_000
        return cost
    }

    /// CPU microseconds of this process, for each of `transactions`: the best of five, since what else runs
    /// on the machine can only add.
    private func cpu(_ work: () throws -> Void) rethrows -> Double {
        func now() -> Double {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
        }
        var best = Double.infinity
        for _ in 0..<5 {
            let start = now()
            try work()
            best = min(best, now() - start)
        }
        return best / Double(transactions)
    }

    private static func microseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1e6 + Double(duration.components.attoseconds) / 1e12
    }
}

/// A connection as an application's driver has it: nothing between the statement and SQLite.
@safe private final class RawWriter {
    private let connection: OpaquePointer

    struct Failed: Error {
        let message: String
    }

    init(path: String) throws {
        var opened: OpaquePointer?
        guard unsafe sqlite3_open(path, &opened) == SQLITE_OK, let connection = unsafe opened else {
            throw Failed(message: "cannot open \(path)")
        }
        unsafe self.connection = connection
    }

    deinit { unsafe sqlite3_close_v2(connection) }

    func run(_ sql: String) throws {
        guard unsafe sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else {
            throw Failed(message: unsafe String(cString: sqlite3_errmsg(connection)))
        }
    }

    func prepare(_ sql: String) throws -> Prepared {
        var handle: OpaquePointer?
        guard unsafe sqlite3_prepare_v2(connection, sql, -1, &handle, nil) == SQLITE_OK,
            let handle = unsafe handle
        else {
            throw Failed(message: unsafe String(cString: sqlite3_errmsg(connection)))
        }
        return unsafe Prepared(handle: handle)
    }

    /// A prepared statement with one number in it.
    @safe final class Prepared {
        private let handle: OpaquePointer
        init(handle: OpaquePointer) { unsafe self.handle = handle }
        deinit { unsafe sqlite3_finalize(handle) }

        func run(_ number: Int64) throws {
            unsafe sqlite3_bind_int64(handle, 1, number)
            while unsafe sqlite3_step(handle) == SQLITE_ROW {}
            guard unsafe sqlite3_reset(handle) == SQLITE_OK else { throw Failed(message: "a write failed") }
        }
    }
}
