// How long a writer waits while a long -wal file is cut under the write lock. Two writers and readers that
// overlap never leave a gap in which a passive checkpoint could end, so the file grows until it is cut.

import ArgumentParser
import Foundation
import GRDB
import SQLiteEngine
import Settings
import Synchronization

struct WalBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal", abstract: "A writer's waiting while a long -wal file is cut.")

    @Option(help: "Seconds of writing.") var seconds = 60

    private struct Span {
        let start: Int64
        let end: Int64
        var milliseconds: Double { Double(end - start) / 1e6 }
        func overlaps(_ other: Span) -> Bool { start < other.end && other.start < end }
    }

    func run() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = DatabaseFile(path: directory.appendingPathComponent("shop.db").path)
        let shop = ShopDatabase(file: file, catalogue: try CatalogueFile.embedded())
        try shop.create()
        _ = try shop.createBusiness(named: "bench")
        let writes = Mutex<[Span]>([])
        let isOver = Mutex(false)
        let jobs = DispatchGroup()
        func start(_ body: @escaping @Sendable () throws -> Void) {
            jobs.enter()
            Thread {
                do { try body() } catch { print("wal: \(error)") }
                jobs.leave()
            }.start()
        }
        for writer in 0..<2 {
            start {
                try Self.write(file, writer, until: { isOver.withLock { $0 } }) { span in
                    writes.withLock { $0.append(span) }
                }
            }
        }
        for _ in 0..<3 { start { try Self.read(file, until: { isOver.withLock { $0 } }) } }
        let (cuts, longest) = try checkpoint(file)
        isOver.withLock { $0 = true }
        jobs.wait()
        show(writes.withLock { $0 }, cuts, longest)
    }

    /// As the gateway does, once a second. Returns when it cut, and the most bytes the file had.
    private func checkpoint(_ file: DatabaseFile) throws -> (cuts: [Span], longest: Int) {
        func size() throws -> Int {
            try FileManager.default.attributesOfItem(atPath: file.walPath)[.size] as? Int ?? 0
        }
        let checkpointer = Checkpointer(file: file)
        var (cuts, longest): ([Span], Int) = ([], 0)
        for _ in 0..<seconds {
            sleep(1)
            let before = try size()
            longest = max(longest, before)
            let start = monotonicNanoseconds()
            try checkpointer.run()
            if try size() < before { cuts.append(Span(start: start, end: monotonicNanoseconds())) }
        }
        return (cuts, longest)
    }

    private static func write(
        _ file: DatabaseFile, _ writer: Int, until isOver: () -> Bool, _ note: (Span) -> Void
    ) throws {
        let queue = try file.open(.writer)
        let text = String(repeating: "x", count: 20_000)
        for number in 0... {
            guard !isOver() else { return }
            let start = monotonicNanoseconds()
            try queue.write { db in
                try db.execute(
                    sql: """
                        INSERT INTO products(id, business_id, name, description) VALUES (?1, 1, 'p', ?2)
                        ON CONFLICT(id) DO UPDATE SET description = ?2
                        """, arguments: [1 + writer + 2 * (number % 200), "\(text)\(number)"])
            }
            note(Span(start: start, end: monotonicNanoseconds()))
            usleep(2_000)
        }
    }

    private static func read(_ file: DatabaseFile, until isOver: () -> Bool) throws {
        let queue = try file.open(.reader)
        while !isOver() {
            try queue.read { db in
                _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM products")
                usleep(5_000)
            }
        }
    }

    private func show(_ writes: [Span], _ cuts: [Span], _ longest: Int) {
        let beside = writes.filter { cuts.contains(where: $0.overlaps) }
        let apart = writes.filter { !cuts.contains(where: $0.overlaps) }
        print(
            "\(writes.count) writes, \(cuts.count) cuts of a -wal file of up to \(longest >> 20) MiB, ms")
        print("                         p50      p99  longest")
        func line(_ title: String, _ spans: [Span]) -> Double {
            let summary = Summary(spans.map { $0.milliseconds })
            guard summary.count > 0 else { return 0 }
            print(
                title.padding(toLength: 20, withPad: " ", startingAt: 0),
                summary.percentile(0.5).text(1).leftPadded(8), summary.percentile(0.99).text(1).leftPadded(8),
                summary.max.text(1).leftPadded(8))
            return summary.max
        }
        let apartMax = line("writes", apart)
        let besideMax = line("writes beside a cut", beside)
        let cutMax = line("cuts", cuts)
        printJSON([
            "bench": "wal", "writes": writes.count, "cuts": cuts.count, "longest_bytes": longest,
            "write_max_ms": apartMax, "write_beside_cut_max_ms": besideMax, "cut_max_ms": cutMax,
        ])
    }
}
