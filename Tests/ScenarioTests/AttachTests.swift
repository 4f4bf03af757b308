// Beside an application's database: a Laravel shop written by PHP, and installing on a table with many rows
// while others write.

import Foundation
import Glibc
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct AttachTests {
    /// As Laravel's migrations make it, with what this shop's people would write into the catalogue.
    static let laravel = AttachedApplication(
        schema: """
            CREATE TABLE "users" ("id" integer primary key autoincrement not null, "business_id" integer not null,
              "name" varchar not null, "email" varchar not null, "password" varchar not null,
              "created_at" datetime, "updated_at" datetime);
            CREATE TABLE "products" ("id" integer primary key autoincrement not null,
              "business_id" integer not null, "sku" varchar not null, "name" varchar not null, "price" numeric not null default '0',
              "is_active" tinyint(1) not null default '1', "options" text, "api_token" varchar,
              "created_at" datetime, "updated_at" datetime, "deleted_at" datetime);
            CREATE UNIQUE INDEX "products_business_id_sku_unique" on "products" ("business_id", "sku");
            CREATE TABLE "product_links" ("product_id" integer not null, "attribute_id" integer not null,
              "position" integer not null default '0', primary key ("product_id", "attribute_id"),
              foreign key("product_id") references "products"("id") on delete cascade);
            """,
        catalogue: """
            entities:
              users:
                number: 1
                version: none
                deleted_at: none
                default: true
                time_zone: Asia/Dhaka
                fields: [name]
              products:
                number: 2
                version: none
                default: true
                time_zone: Asia/Dhaka
                fields: [sku, name, price: string, is_active: boolean, options: json]
                replace: [[business_id, sku]]
                embed:
                  links:
                    table: product_links
                    parent: product_id
                    order: position
                    fields: [attribute_id, position]
                    replace: [[product_id, attribute_id]]
              warehouses:
                number: 3
                optional: true
                default: true
                fields: [name]
            """)

    private func php(_ daemon: Daemon, _ step: String) throws {
        let script = Daemon.writers.appendingPathComponent("laravel_shop.php").path
        let (status, output) = try runToEnd("/usr/bin/env", ["php", script, daemon.database, step])
        guard status == 0 else { throw SocketFailure(description: "php: \(output)") }
    }

    private func product(_ till: Till, _ id: Int) -> NSDictionary? { till.copy["products"]?["\(id)"]?.record }

    /// Polls until nothing is left.
    private func catchUp(_ till: inout Till, _ daemon: Daemon, _ token: String) throws {
        while let position = till.token {
            let answer = try daemon.ask("GET", "/sync/changes?sync_token=\(position)", token: token)
            guard answer.status == 200 else { return till.complain("changes answered \(answer.status)") }
            if !till.changes(answer.body, from: till.position) { return }
        }
    }

    @Test func aLaravelShopIsServedThroughItsMigration() throws {
        let daemon = try Daemon(attachedTo: Self.laravel)
        let token = try daemon.register("till", by: try daemon.owner(of: 1))
        try php(daemon, "seed")
        var till = Till(entities: ["users", "products", "warehouses"])
        till.foreignCanaries = ["canary"]
        till.full(try daemon.ask("GET", "/api/v1/sync/full", token: token).body)
        let apple = try #require(product(till, 1))
        #expect(apple["price"] as? String == "1.5" && apple["is_active"] as? Bool == true)
        #expect((apple["options"] as? NSDictionary)?["size"] as? String == "M")
        #expect(apple["created_at"] as? String == "2026-01-03T04:00:00.000000Z", "Dhaka is six hours ahead")
        #expect((apple["links"] as? [NSDictionary])?.map { $0["attribute_id"] as? Int } == [8, 7])
        #expect((till.copy["warehouses"] ?? [:]).isEmpty, "an optional table that is not there is empty")

        try php(daemon, "change")
        try catchUp(&till, daemon, token)
        #expect(product(till, 1)?["price"] as? String == "1.75")
        #expect((product(till, 1)?["links"] as? [NSDictionary])?.count == 1)
        #expect(product(till, 2)?["name"] as? String == "Brown bread")
        #expect(till.copy["products"]?["2"]?.version == 2, "a hidden column changes nothing visible")

        try php(daemon, "migrate")
        let converged: Bool? = try waitFor(seconds: 60) {
            try catchUp(&till, daemon, token)
            let isThere =
                product(till, 1) == nil && product(till, 2)?["name"] as? String == "Written unhooked"
                && till.copy["warehouses"]?["4"] != nil
            return isThere || !till.violations.isEmpty ? true : nil
        }
        #expect(converged == true, "\(daemon.log().suffix(1_000))")
        #expect(till.violations == [])
        #expect(try daemon.metric("tidings_hooks_restored_total") > 0)
        #expect(waitFor(seconds: 30) { daemon.isReady ? true : nil } == true)
        #expect(try daemon.tidings("hooks", "status") == "in step\n")
        let ours = try daemon.sql("SELECT name FROM sqlite_master WHERE name LIKE 'tidings%';")
        #expect(!ours.contains("device") && !ours.contains("ticket"), "bookkeeping has its own file")
    }

    /// TIDINGS_TEST_ROWS=1000000 for the long run.
    @Test func installingOnManyRowsMakesWritersWaitForMillisecondsAndSurvivesAKill() throws {
        let rows = ProcessInfo.processInfo.environment["TIDINGS_TEST_ROWS"].flatMap { Int($0) } ?? 30_000
        let daemon = try Daemon(attachedTo: .stall)
        daemon.kill()
        try daemon.tidings("hooks", "remove")
        try daemon.sql(
            """
            INSERT INTO items(code,name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows))
              SELECT printf('c%07d',i), 'n'||i FROM n;
            """)
        let (writer, input, output) = try timedWriter(daemon, rows)
        defer { try? input.fileHandleForWriting.close() }
        let started = Date()
        let kills = try (0..<3).map { _ in try installAndKill(daemon) }.reduce(0, +)
        let installed = try daemon.tidings("hooks", "install")
        let seconds = Date().timeIntervalSince(started)
        try input.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        writer.waitUntilExit()
        let figures = said.split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .newlines)) }
        try #require(figures.count == 3, "\(said)")
        print(
            "backfill: \(rows) rows in \(Int(seconds)) s with \(kills) kills; beside it \(Int(figures[0])) writes, "
                + "the longest waited \(Int(figures[1])) ms, 99 of 100 at most \(Int(figures[2])) ms\n"
                + installed
        )
        #expect(installed.contains("writers were locked out for "))
        #expect(figures[0] > 0 && figures[1] < 3_000, "a writer was held up")
        #expect(kills > 0, "nothing was ever killed")
        let wrong = try daemon.sql(
            """
            SELECT count(*) FROM items i LEFT JOIN tidings_state s ON s.entity=1 AND s.id=i.code AND s.dead=0
              WHERE s.id IS NULL;
            SELECT count(*) FROM tidings_state WHERE entity=1 AND dead=0 AND id NOT IN (SELECT code FROM items);
            SELECT count(*) FROM tidings_journal WHERE op=1 AND id LIKE 'c%';
            """)
        #expect(wrong == "0\n0\n0", "missing, ghosts, old rows called created")
    }

    private func timedWriter(_ daemon: Daemon, _ rows: Int) throws -> (Process, input: Pipe, output: Pipe) {
        let writer = Process()
        let (input, output) = (Pipe.unshared(), Pipe.unshared())
        writer.standardInput = input
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        writer.arguments = [
            "python3", Daemon.writers.appendingPathComponent("timed_writer.py").path, daemon.database,
            "\(rows)",
        ]
        writer.standardOutput = output
        try writer.start()
        return (writer, input, output)
    }

    /// kill -9 once it has journaled some hundred rows. Returns 1; 0 when it was faster.
    private func installAndKill(_ daemon: Daemon) throws -> Int {
        let install = Process()
        install.executableURL = Daemon.executable
        install.arguments = ["hooks", "install"] + daemon.settings.flatMap { ["--set", $0] }
        install.standardOutput = Pipe.unshared()
        let known = try journaled(daemon)
        try install.start()
        let moved: Bool? = try waitFor(seconds: 60) {
            try !install.isRunning || journaled(daemon) > known + 300 ? true : nil
        }
        #expect(moved == true)
        let isRunning = install.isRunning
        if isRunning { kill(install.processIdentifier, SIGKILL) }
        install.waitUntilExit()
        return isRunning ? 1 : 0
    }

    private func journaled(_ daemon: Daemon) throws -> Int {
        Int(try daemon.sql("SELECT count(*) FROM sqlite_master WHERE name='tidings_journal';")) == 1
            ? Int(try daemon.sql("SELECT ifnull(max(seq),0) FROM tidings_journal;")) ?? 0 : 0
    }
}
