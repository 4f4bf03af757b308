// An application's database as a gateway finds it: made by the shell, one business, no thought of syncing.

import Foundation
import Testing
import TidingsTesting

/// What a daemon is attached to. A value.
struct AttachedApplication: Sendable {
    let schema: String
    let catalogue: String

    /// Text keys, a second UNIQUE key, an owned child with a composite key; no version, times or business.
    static let stall = AttachedApplication(
        schema: """
            CREATE TABLE items(code TEXT PRIMARY KEY, barcode TEXT UNIQUE, name TEXT, secret TEXT);
            CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT);
            CREATE TABLE order_lines(order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
              place INTEGER NOT NULL, item TEXT, quantity INTEGER, PRIMARY KEY(order_id, place));
            """,
        catalogue: """
            entities:
              items:
                number: 1
                key: code
                key_type: text
                fixed_business: 7
                version: none
                created_at: none
                updated_at: none
                deleted_at: none
                default: true
                fields: [barcode, name]
                replace: [[barcode]]
              orders:
                number: 2
                fixed_business: 7
                version: none
                created_at: none
                updated_at: none
                deleted_at: none
                default: true
                fields: [note]
                embed:
                  lines:
                    table: order_lines
                    parent: order_id
                    order: place
                    fields: [place, item, quantity]
                    replace: [[order_id, place]]
            """)

    /// Makes the file, in WAL mode, and the catalogue beside it.
    func make(in directory: URL) throws {
        try Data(catalogue.utf8).write(to: directory.appendingPathComponent("entities.yaml"))
        let (status, output) = try runToEnd(
            "/usr/bin/sqlite3", ["-bail", directory.appendingPathComponent("shop.db").path],
            input: "PRAGMA journal_mode=WAL;\n" + schema)
        guard status == 0 else { throw SocketFailure(description: "sqlite3: \(output)") }
    }

    static let stallNames = [1: "items", 2: "orders"]
}

extension Daemon {
    static func attached(in directory: URL) -> [String] {
        ["database.mode=attached", "database.catalogue=\(directory.path)/entities.yaml"]
    }

    /// Whether it says that clients may be sent to it.
    var isReady: Bool {
        (try? TillSocket.ask(port: adminPort, "GET", "/readyz").status) == 200
    }

    /// The value of a metric without labels.
    func metric(_ name: String) throws -> Double {
        let page = try TillSocket.ask(port: adminPort, "GET", "/metrics")
        let line = String(decoding: page.body, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(name + " ")
        }
        return try #require(line.flatMap { Double($0.split(separator: " ")[1]) }, "no metric \(name)")
    }

    /// A token of a person of an attached application's business.
    func owner(of business: some CustomStringConvertible) throws -> String {
        let answer = try tidings("user", "create", "owner", "--business", "\(business)", "--json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any])
        return try #require(json["token"] as? String)
    }
}
