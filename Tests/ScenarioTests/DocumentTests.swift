// What the documents show is what comes: every request, command, configuration and script that stands in one
// is sent, typed, checked or run, beside a gateway with the demo shop they were written with.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct DocumentTests {
    /// A document, and how many examples it has of each kind at least.
    struct Document: Sendable, CustomStringConvertible {
        let name: String
        var requests = 0
        /// Of `sh` and `nginx`.
        var blocks = 0
        var scripts = 0
        /// Whether its commands are for this shop, or only looked at.
        var isRun = true

        var path: String { WireTests.root.appendingPathComponent(name).path }
        var description: String { name }
    }

    static let documents = [
        Document(name: "docs/API_DOCUMENTATION.md", requests: 30, scripts: 1),
        Document(name: "docs/PROTOCOL.md", requests: 2, scripts: 1),
        Document(name: "docs/DEPARTURES.md", requests: 1),
        Document(name: "docs/API_QUICK_REFERENCE.md", blocks: 1),
        Document(name: "docs/ROLLOUT.md", blocks: 7),
        Document(name: "docs/CLIENTS.md", scripts: 4),
        // Paths of a server's own stand in these.
        Document(name: "docs/OPERATIONS.md", blocks: 2, isRun: false),
        Document(name: "docs/ATTACH.md", blocks: 2, isRun: false),
        Document(name: "README.md", blocks: 3, isRun: false),
    ]

    /// A gateway with the demo shop, a till and a person. The demo is over.
    private struct Shop {
        let daemon: Daemon
        let person: String
        let till: String

        init() throws {
            daemon = try Daemon(["rates.batch=10"])
            person = try daemon.newBusiness().token
            try daemon.tidings("demo", "--rate", "0", "--products", "50", "--quiet")
            till = try daemon.register("till", by: person)
            // Times repeat up to a second's changes: the demo's are over once a time brings nothing.
            let isQuiet: Bool? = waitFor(seconds: 30) { [daemon, person] in
                let now = try? daemon.ask("GET", "/sync/records?entity=vats&ids=1", token: person)
                guard let time = now?.json?["server_timestamp"] as? String,
                    let since = try? daemon.ask("GET", "/sync/changes?since=\(time)", token: person)
                else { return nil }
                return since.json?["total_records"] as? Int == 0 && since.json?["full"] == nil ? true : nil
            }
            #expect(isQuiet == true)
        }

        func compare(_ document: String, least: Int) throws -> (Int32, String) {
            let code = try daemon.tidings("device", "enrol", "--business", "1", "--uses", "2")
            return try runToEnd(
                WireTests.python,
                [
                    DocumentTests.script("documented_examples.py"), document, "\(least)", "\(daemon.port)",
                    till, person, code.trimmingCharacters(in: .whitespacesAndNewlines), daemon.database,
                ])
        }

        func type(_ document: Document) throws -> (Int32, String) {
            try runToEnd(
                WireTests.python,
                [
                    DocumentTests.script("documented_commands.py"), document.path, "\(document.blocks)",
                    Daemon.executable.path, document.isRun ? "\(daemon.port)" : "0", "\(daemon.adminPort)",
                    till,
                ] + daemon.settings)
        }
    }

    private static func script(_ name: String) -> String {
        WireTests.clients.appendingPathComponent(name).path
    }

    @Test(arguments: documents.filter { $0.requests > 0 })
    func everyExampleIsTrue(_ document: Document) throws {
        let (status, output) = try Shop().compare(document.path, least: document.requests)
        #expect(status == 0, "\(output)")
    }

    /// Lies are noticed, and examples that are no longer there.
    @Test func anExampleThatIsWrongFails() throws {
        let shop = try Shop()
        let text = try String(contentsOfFile: Self.documents[0].path, encoding: .utf8)
        let other = shop.daemon.directory.appendingPathComponent("OTHER.md")
        try text.replacing("\"error\":\"method_not_allowed\"", with: "\"error\":\"method\"")
            .write(to: other, atomically: true, encoding: .utf8)
        let (status, output) = try shop.compare(other.path, least: 1_000)
        #expect(status == 1 && output.contains("DELETE /api/v1/products/17"))
        #expect(output.contains(", 1 wrong"), "\(output)")
    }

    @Test(arguments: documents) func everyCommandCanBeTyped(_ document: Document) throws {
        let (status, output) = try Shop().type(document)
        #expect(status == 0, "\(output)")
    }

    @Test(arguments: documents.filter { $0.scripts > 0 })
    func everyScriptRuns(_ document: Document) throws {
        let shop = try Shop()
        let full = try shop.daemon.ask("GET", "/sync/full", token: shop.till)
        let token = try #require(full.json?["sync_token"] as? String)
        try shop.daemon.sql("UPDATE products SET price = '2.70' WHERE id = 17;")
        let (status, output) = try runToEnd(
            "/usr/bin/env",
            [
                "node", Self.script("documented_snippets.mjs"), document.path, "\(document.scripts)",
                "http://127.0.0.1:\(shop.daemon.port)", shop.till, token,
            ])
        #expect(status == 0, "\(output)")
    }
}
