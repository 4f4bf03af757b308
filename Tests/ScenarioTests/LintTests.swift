// The answers that caches keep, read by other eyes: httplint knows the rules of HTTP; we did not write it.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct LintTests {
    private static let httplint = URL(fileURLWithPath: WireTests.python).deletingLastPathComponent()
        .appendingPathComponent("httplint").path

    private struct Asked {
        let target: String
        var method = "GET"
        var headers: [(String, String)] = []
    }

    /// An answer as it came, byte for byte.
    private func raw(_ shop: StreamTests.Shop, _ asked: Asked) throws -> Data {
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.request(
            asked.method, asked.target,
            headers: [("Authorization", "Bearer \(shop.till)"), ("Connection", "close")] + asked.headers)
        var bytes = Data()
        while let more = try socket.read(within: 30), !more.isEmpty { bytes.append(contentsOf: more) }
        return bytes
    }

    /// What httplint says of it.
    private func opinion(of answer: Data) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).http")
        try answer.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try runToEnd(
            "/bin/sh", ["-c", "exec \"$0\" --now <\"$1\"", Self.httplint, file.path]
        ).output
    }

    @Test func nothingIsWrongWithWhatCachesKeep() throws {
        let shop = try StreamTests.Shop()
        try shop.daemon.sql(
            """
            INSERT INTO products(business_id, name, description)
            VALUES (\(shop.business), 'Tea', printf('%.*c', 3000, 'x'));
            """)
        let full = try shop.daemon.ask("GET", "/sync/full", token: shop.till)
        let token = try #require(full.json?["sync_token"] as? String)
        let changes = "/api/v1/sync/changes?sync_token=\(token)"
        let gzip = ("Accept-Encoding", "gzip")
        let all = [
            Asked(target: "/api/v1/products/1"), Asked(target: "/api/v1/products/1", headers: [gzip]),
            Asked(target: "/api/v1/products/1?fields=name"),
            Asked(target: "/api/v1/products/1", headers: [("If-None-Match", "\"v1\"")]),
            Asked(target: "/api/v1/products/1", headers: [("If-None-Match", "W/\"v1\""), gzip]),
            Asked(target: changes), Asked(target: changes, headers: [gzip]),
            Asked(target: changes, headers: [("If-None-Match", "*")]),
            Asked(target: "/api/v1/sync/changes?since=2025-01-01T00:00:00Z"),
            Asked(target: "/api/v1/sync/full"), Asked(target: "/api/v1/sync/full", headers: [gzip]),
        ]
        for asked in all {
            let text = try opinion(of: raw(shop, asked))
            #expect(text.contains("[GOOD]") || text.contains("[INFO]"), "\(asked): \(text)")
            #expect(!text.contains("[BAD]") && !text.contains("[WARN]"), "\(asked): \(text)")
        }
        // It would notice.
        let broken = try #require(
            String(data: raw(shop, Asked(target: "/api/v1/products/1")), encoding: .utf8)
        ).replacing("ETag: \"v1\"", with: "ETag: v1")
        #expect(try opinion(of: Data(broken.utf8)).contains("[WARN]"))
    }
}
