// The API's documents as other programs read them: a validator finds the OpenAPI document in order;
// schemathesis, which makes good and bad requests of it, finds that the gateway answers as it says;
// and what docs/API_DOCUMENTATION.md shows is what comes.

import Foundation
import Testing
import TidingsTesting

@Suite struct OpenAPITests {
    private static func tool(_ name: String) -> String {
        URL(fileURLWithPath: WireTests.python).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// The document as it is served, in a file.
    private func document(of daemon: Daemon) throws -> String {
        let answer = try daemon.ask("GET", "/api/v1/openapi.json")
        #expect(answer.status == 200 && answer.fields["content-type"] == "application/json")
        let path = daemon.directory.appendingPathComponent("openapi.json").path
        try answer.body.write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func itIsServedAtBothAddressesAndValid() throws {
        let daemon = try Daemon()
        let path = try document(of: daemon)
        #expect(try daemon.ask("GET", "/openapi.json").body == Data(contentsOf: URL(fileURLWithPath: path)))
        let (status, output) = try Daemon.run(Self.tool("openapi-spec-validator"), [path])
        #expect(status == 0, "\(output.suffix(2_000))")
    }

    /// Streams are left out: they have no end.
    @Test func theGatewayAnswersAsItSays() throws {
        let rates = ["general", "sync", "batch", "continuation", "authentication"]
        let shop = try StreamTests.Shop(rates.map { "rates.\($0)=1000000" })
        try shop.product("Tea")
        let settings = WireTests.clients.appendingPathComponent("schemathesis.toml").path
        // It leaves files where it runs.
        let (status, output) = try Daemon.run(
            "/bin/sh",
            [
                "-c", "cd \"$0\" && exec \"$@\"", shop.daemon.directory.path, Self.tool("st"),
                "--config-file",
                settings, "run", try document(of: shop.daemon), "--url",
                "http://127.0.0.1:\(shop.daemon.port)",
                "-H", "Authorization: Bearer \(shop.till)", "--exclude-path", "/api/v1/sync/stream",
                "--exclude-path-regex", "^(/api/v1)?/(client/|demo/|openapi)", "--phases",
                "examples,coverage,fuzzing",
                "--max-examples", "10", "--seed", "1", "--generation-database", "none",
                "--request-timeout", "30", "--no-color", "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,"
                    + "response_headers_conformance,response_schema_conformance",
            ])
        #expect(status == 0, "\(output.suffix(6_000))")
        #expect(output.contains("Tested: 14"), "\(output.suffix(600))")
    }

    @Test func everyDocumentedExampleIsTrue() throws {
        let daemon = try Daemon(["rates.batch=10"])
        let business = try daemon.newBusiness()
        try daemon.tidings("demo", "--rate", "0", "--products", "50", "--quiet")
        let code = try daemon.tidings("device", "enrol", "--business", "\(business.id)", "--uses", "2")
        // Times repeat up to a second's changes: the demo's are over once a time is answered with nothing.
        let isQuiet: Bool? = waitFor(seconds: 30) {
            let now = try? daemon.ask("GET", "/sync/records?entity=vats&ids=1", token: business.token)
            guard let time = now?.json?["server_timestamp"] as? String,
                let since = try? daemon.ask("GET", "/sync/changes?since=\(time)", token: business.token)
            else { return nil }
            return since.json?["total_records"] as? Int == 0 && since.json?["full"] == nil ? true : nil
        }
        #expect(isQuiet == true)
        let document = WireTests.root.appendingPathComponent("docs/API_DOCUMENTATION.md")
        func compare(with document: String) throws -> (Int32, String) {
            try Daemon.run(
                WireTests.python,
                [
                    WireTests.clients.appendingPathComponent("documented_examples.py").path, document,
                    "\(daemon.port)", try daemon.register("till", by: business.token), business.token,
                    code.trimmingCharacters(in: .whitespacesAndNewlines),
                    daemon.directory.appendingPathComponent("shop.db").path,
                ])
        }
        let (status, output) = try compare(with: document.path)
        #expect(status == 0, "\(output)")
        // It would notice.
        let other = daemon.directory.appendingPathComponent("OTHER.md")
        try String(contentsOf: document, encoding: .utf8)
            .replacing("\"error\":\"method_not_allowed\"", with: "\"error\":\"method\"")
            .write(to: other, atomically: true, encoding: .utf8)
        #expect(try compare(with: other.path).1.contains("DELETE /api/v1/products/17"))
    }
}
