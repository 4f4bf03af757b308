// The OpenAPI document as other programs read it: a validator finds it in order; schemathesis, which makes
// good and bad requests of it, finds that the gateway answers as it says.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct OpenAPITests {
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
        let (status, output) = try runToEnd(Self.tool("openapi-spec-validator"), [path])
        #expect(status == 0, "\(output.suffix(2_000))")
    }

    @Test func everyMethodThatItDoesNotNameIs405WithAllow() throws {
        let shop = try StreamTests.Shop()
        let json = try shop.daemon.ask("GET", "/openapi.json").json
        let paths = try #require(json?["paths"] as? [String: [String: Any]])
        #expect(paths.count > 20)
        for (path, methods) in paths {
            let target = path.replacing("{entity}/{id}", with: "products/1")
            let allowed = methods.keys.map { $0.uppercased() }.sorted() + ["OPTIONS"]
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] where !allowed.contains(method) {
                let answer = try shop.daemon.ask(method, target, token: shop.till)
                #expect(answer.status == 405, "\(method) \(target)")
                #expect(answer.fields["allow"] == allowed.joined(separator: ", "), "\(target)")
                #expect(method == "HEAD" || answer.json?["error"] as? String == "method_not_allowed")
            }
            let options = try shop.daemon.ask("OPTIONS", target)
            #expect(options.status == 204 && options.fields["allow"] == allowed.joined(separator: ", "))
        }
    }

    /// Whoever sends more than is taken is told so, whatever it asks for; HEAD in its way.
    @Test func aBodyThatIsTooLargeIs413EverywhereAndSoItSays() throws {
        let shop = try StreamTests.Shop()
        let json = try shop.daemon.ask("GET", "/openapi.json").json
        let paths = try #require(json?["paths"] as? [String: [String: [String: Any]]])
        for (path, methods) in paths {
            for (method, operation) in methods.map({ ($0.key.uppercased(), $0.value) }) {
                let target = path.replacing("{entity}/{id}", with: "products/1")
                let socket = try TillSocket(port: shop.daemon.port)
                try socket.request(method, target, headers: [("Content-Length", "99999999")])
                let answer = try socket.readAnswer(to: method)
                #expect(answer.status == 413, "\(method) \(target)")
                #expect(try socket.read(within: 20)?.isEmpty == true, "\(method) \(target): more follows")
                let responses = try #require(operation["responses"] as? [String: [String: Any]])
                let name = method == "HEAD" ? "Head" : "TooLarge"
                #expect(responses["413"]?["$ref"] as? String == "#/components/responses/\(name)", "\(path)")
            }
        }
    }

    /// Streams are left out: they have no end.
    @Test func theGatewayAnswersAsItSays() throws {
        let rates = ["general", "sync", "batch", "continuation", "authentication"]
        let shop = try StreamTests.Shop(rates.map { "rates.\($0)=1000000" })
        try shop.product("Tea")
        let settings = WireTests.clients.appendingPathComponent("schemathesis.toml").path
        // It leaves files where it runs.
        let (status, output) = try runToEnd(
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
}
