// The files of config/proxy/ with the programs they are for: a stream passes at once, over TLS and HTTP/2, is
// not cut while it is quiet, resumes, and the gateway knows whose it is.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct ProxyTests {
    /// All four: `TIDINGS_TEST_PROXIES="nginx haproxy caddy apache"`, as scripts/check does.
    private static let proxies =
        (ProcessInfo.processInfo.environment["TIDINGS_TEST_PROXIES"] ?? "nginx haproxy")
        .split(separator: " ").map(String.init)

    private struct Seen: Decodable {
        let http: String
        let firstSeconds: Double
        let encoded: [String]
        let address: String
        let heartbeats: Int
        let longestGap: Double
        let missed: [String]
    }

    @Test(arguments: proxies)
    func streamsPassAsTheyAreWrittenThrough(_ proxy: String) throws {
        let daemon = try Daemon(["stream.heartbeat=1s", "server.trusted_proxies=127.0.0.1"])
        let business = try daemon.newBusiness()
        let till = try daemon.register("till", by: business.token)
        let (status, output) = try runToEnd(
            "/usr/bin/python3",
            [
                WireTests.clients.appendingPathComponent("proxies.py").path, proxy, "\(daemon.port)",
                "\(daemon.adminPort)", till, daemon.database, "\(business.id)",
            ])
        #expect(status == 0, "\(output.suffix(3_000))")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let line = try #require(output.split(separator: "\n").last { $0.hasPrefix("{") }, "\(output)")
        let seen = try decoder.decode(Seen.self, from: Data(line.utf8))
        #expect(seen.http == "HTTP/2 200" && seen.encoded.isEmpty, "\(line)")
        // Longer than the proxy's idle time of 3 s; a heartbeat a second: held back, they would come at once.
        #expect(seen.firstSeconds < 10 && seen.heartbeats >= 6 && seen.longestGap < 6, "\(line)")
        #expect(seen.address == "127.0.0.2", "\(line)")
        #expect(seen.missed == ["while away"], "\(line)")
    }
}
