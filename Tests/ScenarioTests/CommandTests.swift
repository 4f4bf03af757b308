// The command line, run as people and scripts run it: help, exit codes, JSON, and a demo shop whose stock
// always adds up.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CommandTests {
    /// Runs a command. Standard output and standard error together.
    private func run(_ arguments: [String], on daemon: Daemon? = nil) throws -> (Int32, String) {
        try runToEnd(
            Daemon.executable.path, arguments + (daemon?.settings ?? []).flatMap { ["--set", $0] })
    }

    private func json(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    static let commands: [[String]] = [
        [], ["serve"], ["init"], ["demo"], ["tail"], ["business", "create"], ["business", "list"],
        ["user", "create"], ["device", "list"], ["device", "enrol"], ["device", "revoke"],
        ["token", "create"], ["token", "list"], ["token", "revoke"], ["hooks", "install"],
        ["hooks", "status"],
        ["hooks", "remove"], ["config", "check"], ["config", "show"], ["config", "template"],
    ]

    @Test(arguments: commands) func everyCommandExplainsItself(_ command: [String]) throws {
        let (status, text) = try run(command + ["--help"])
        #expect(status == 0)
        #expect(text.contains("OVERVIEW: ") && text.contains("USAGE: tidings"))
        let (wrong, complaint) = try run(command + ["--no-such-option"])
        #expect(wrong == 64 && complaint.hasPrefix("Error: "))
    }

    /// From nothing to a till and back, in JSON all the way.
    @Test func everyCommandSpeaksJSON() throws {
        let daemon = try Daemon()
        func ask(_ arguments: String...) throws -> [String: Any] {
            let (status, text) = try run(arguments + ["--json"], on: daemon)
            #expect(status == 0, "\(arguments): \(text)")
            let object = try json(text)
            return object as? [String: Any] ?? ["list": object]
        }
        func list(_ arguments: String...) throws -> [[String: Any]] {
            let (_, text) = try run(arguments + ["--json"], on: daemon)
            return try json(text) as? [[String: Any]] ?? []
        }
        #expect(try ask("init")["database"] as? String == daemon.database)
        let id = try #require(try ask("business", "create", "Corner \"shop\"")["id"] as? String)
        #expect(try list("business", "list").last?["name"] as? String == "Corner \"shop\"")
        #expect(try ask("user", "create", "Ann", "--business", id)["token"] is String)
        #expect(try ask("device", "enrol", "--business", id)["enrolment_code"] is String)
        let token = try #require(
            try ask("token", "create", "--business", id, "--device", "till-1")["token"] as? String)
        #expect(try daemon.ask("GET", "/sync/full", token: token).status == 200)
        #expect(try list("device", "list").first?["device"] as? String == "till-1")
        let number = String(token.prefix { $0 != "|" })
        #expect(try list("token", "list").contains { "\($0["id"] ?? "")" == number })
        #expect(try "\(ask("token", "revoke", number)["revoked"] ?? "")" == number)
        #expect(try ask("device", "revoke", "till-1", "--business", id)["revoked"] as? String == "till-1")
        let revoked = try waitFor(seconds: 10) {
            try daemon.ask("GET", "/sync/full", token: token).status == 401 ? true : nil
        }
        #expect(revoked == true)
        #expect(try ask("hooks", "status")["in_step"] as? Bool == true)
        #expect(try ask("hooks", "install")["journaled"] as? Int == 0)
        #expect(try ask("config", "check")["ok"] as? Bool == true)
        #expect(try list("config", "show").contains { $0["name"] as? String == "stream.heartbeat" })
        let did = try ask("demo", "--rate", "0", "--products", "3")["did"] as? String
        #expect(did?.contains("3 products") == true)
        let change = try ask("tail", "--after", "0", "--count", "1")
        #expect(change["seq"] as? Int == 1 && change["business"] as? String == id)
        daemon.terminate()
        #expect(try ask("hooks", "remove")["removed"] as? Bool == true)
    }

    @Test func exitCodesSayHowItEnded() throws {
        let daemon = try Daemon()
        daemon.terminate()
        try daemon.sql("DROP TRIGGER tidings_brands_u;")
        let (differs, named) = try run(["hooks", "status"], on: daemon)
        #expect(differs == 1 && named.contains("tidings_brands_u"))
        let (failed, why) = try run(["token", "revoke", "999999"], on: daemon)
        #expect(failed == 1 && why.hasPrefix("tidings: there is no such token"))
        let (setting, problem) = try run(["config", "check", "--set", "stream.heartbeat=soon"])
        #expect(setting == 78 && problem.contains("stream.heartbeat"))
        let (report, text) = try run(["config", "check", "--json", "--set", "stream.hartbeat=1s"])
        #expect(report == 78)
        #expect((try json(text) as? [String: Any])?["ok"] as? Bool == false)
        let (serve, complaint) = try run(
            ["serve"] + daemon.settings.flatMap { ["--set", $0] } + [
                "--set", "database.path=/nowhere/shop.db",
            ])
        #expect(serve == 1 && complaint.hasPrefix("tidings: /nowhere/shop.db: "))
        #expect(try run(["demo", "--rate", "-1"], on: daemon).0 == 64)
        let (backup, missing) = try run(["backup", "/nowhere/shop.db"], on: daemon)
        #expect(backup == 1 && missing.hasPrefix("tidings: /nowhere/shop.db.part: unable to open"))
    }

    @Test(arguments: [
        ["token", "create", "--days", "0"], ["token", "create", "--days", "999999999999999"],
        ["device", "enrol", "--hours", "999999999999999"], ["device", "enrol", "--uses", "0"],
    ])
    func whatCannotBeMeantIsRefused(_ command: [String]) throws {
        #expect(try run(command + ["--business", "1"]).0 == 64)
    }

    /// A till's token made for a day is one, and stays one when the till renews it.
    @Test func aTokenOfADayEndsWhoeverRenewsIt() throws {
        let daemon = try Daemon()
        let (business, _) = try daemon.newBusiness()
        let made = try run(
            ["token", "create", "--device", "till", "--days", "1", "--business", "\(business)"], on: daemon)
        let renewed = try daemon.register(
            "till", by: made.1.trimmingCharacters(in: .whitespacesAndNewlines))
        let listed = try #require(
            try json(run(["token", "list", "--json"], on: daemon).1) as? [[String: Any]])
        let own = listed.filter { $0["device"] as? String == "till" }
        #expect(own.map { $0["state"] as? String } == ["good", "revoked"])
        #expect(own[0]["expires_at"] as? String == own[1]["expires_at"] as? String)
        #expect(own[0]["expires_at"] is String, "\(own)")
        try daemon.gatewaySQL("UPDATE tidings_tokens SET expires_at = 1 WHERE revoked_at IS NULL;")
        let isOver = try waitFor(seconds: 20) {
            try daemon.ask("GET", "/sync/full", token: renewed).status == 401 ? true : nil
        }
        #expect(isOver == true)
        #expect(try run(["token", "list"], on: daemon).1.contains("expired"))
    }

    /// A typing error must not make credentials for a business that comes later.
    @Test(arguments: [
        ["token", "create"], ["token", "create", "--device", "till-1"], ["user", "create", "Ann"],
        ["device", "enrol"], ["device", "list"],
    ])
    func aBusinessThatIsNotThereIsRefused(_ command: [String]) throws {
        let daemon = try Daemon()
        let (status, complaint) = try run(command + ["--business", "99"], on: daemon)
        #expect(status == 1)
        #expect(complaint == "tidings: there is no business 99; `tidings business list` shows all\n")
        for table in ["tokens", "users", "devices", "enrolment_codes"] {
            #expect(try daemon.gatewaySQL("SELECT count(*) FROM tidings_\(table);") == "0")
        }
    }

    /// A busy demo, two of them at once, beside a gateway that serves: opening + purchased − sold is the
    /// stock, in the database and in a till's copy.
    @Test func theDemoShopsStockAlwaysAddsUp() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        try daemon.tidings("demo", "--rate", "0", "--products", "20", "--quiet")
        let demos = try (1...2).map { seed in
            let process = Process()
            process.executableURL = Daemon.executable
            process.arguments =
                ["demo", "--rate", "150", "--seconds", "60", "--seed", "\(seed)", "--json"]
                + daemon.settings.flatMap { ["--set", $0] }
            // Nobody reads: a pipe would fill, and the demo would wait for ever.
            process.standardOutput = FileHandle.nullDevice
            try process.start()
            return process
        }
        // Enough was sold and delivered, whatever the machine is doing besides.
        let isBusy = try waitFor(seconds: 30) { () -> Bool? in
            let wrong = try daemon.sql(Self.wrongStock)
            #expect(wrong.isEmpty, "\(wrong)")
            let counts = try daemon.sql(
                "SELECT (SELECT count(*) FROM sale_items) > 50, (SELECT count(*) FROM purchases) > 3;")
            return counts == "1|1" ? true : nil
        }
        #expect(isBusy == true && demos.allSatisfy(\.isRunning))
        for demo in demos {
            // In the middle of a transaction, as likely as not.
            kill(demo.processIdentifier, SIGKILL)
            demo.waitUntilExit()
        }
        #expect(try daemon.sql(Self.wrongStock).isEmpty)
        let names = ["stocks", "sales", "sale_items", "purchases", "purchase_items"]
        let full = try daemon.ask(
            "GET", "/sync/full?entities=\(names.joined(separator: ","))", token: business.token)
        #expect(full.status == 200)
        #expect(try Self.wrongStock(in: try #require(full.json?["data"] as? [String: Any])).isEmpty)
    }

    /// In thousandths, as text would not add up.
    static let wrongStock = """
        WITH moved(variant_id, warehouse_id, q) AS (
          SELECT i.variant_id, d.warehouse_id, round(i.quantity * 1000) FROM purchase_items i
            JOIN purchases d ON d.id = i.purchase_id WHERE i.deleted_at IS NULL AND d.deleted_at IS NULL
          UNION ALL
          SELECT i.variant_id, d.warehouse_id, -round(i.quantity * 1000) FROM sale_items i
            JOIN sales d ON d.id = i.sale_id WHERE i.deleted_at IS NULL AND d.deleted_at IS NULL)
        SELECT s.variant_id || '@' || s.warehouse_id || ': ' || s.quantity FROM stocks s
        WHERE round(s.quantity * 1000) <> round(s.opening * 1000)
          + coalesce((SELECT sum(q) FROM moved m
              WHERE m.variant_id = s.variant_id AND m.warehouse_id = s.warehouse_id), 0);
        """

    /// The same by a till, from what it was sent.
    private static func wrongStock(in data: [String: Any]) throws -> [String] {
        func records(_ entity: String) -> [[String: Any]] {
            (data[entity] as? [String: Any])?["created"] as? [[String: Any]] ?? []
        }
        func thousandths(_ value: Any?) -> Int {
            Int(((Double(value as? String ?? "") ?? 0) * 1_000).rounded())
        }
        var expected: [String: Int] = [:]
        for (documents, items, reference, sign) in [
            ("sales", "sale_items", "sale_id", -1), ("purchases", "purchase_items", "purchase_id", 1),
        ] {
            let warehouses = Dictionary(
                uniqueKeysWithValues: records(documents).map { ("\($0["id"] ?? "")", $0["warehouse_id"]) })
            for item in records(items) {
                guard let warehouse = warehouses["\(item[reference] ?? "")"] else { continue }
                let place = "\(item["variant_id"] ?? "")@\(warehouse ?? "")"
                expected[place, default: 0] += sign * thousandths(item["quantity"])
            }
        }
        let stocks = records("stocks")
        try #require(!stocks.isEmpty)
        return stocks.compactMap { stock in
            let place = "\(stock["variant_id"] ?? "")@\(stock["warehouse_id"] ?? "")"
            let wanted = thousandths(stock["opening"]) + (expected[place] ?? 0)
            return thousandths(stock["quantity"]) == wanted ? nil : "\(place): \(stock["quantity"] ?? "")"
        }
    }
}
