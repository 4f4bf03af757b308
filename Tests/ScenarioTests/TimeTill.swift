// A till that knows nothing but times: `since` and `server_timestamp`, no token, no position, no stream.

import Foundation
import TidingsTesting

/// Its copy of the products. A value.
struct TimeTill {
    /// Id → name in hex: names hold line breaks, and SQLite's `hex()` is compared with.
    private(set) var records: [Int: String] = [:]
    private(set) var since = ""
    /// How often it was told everything anew.
    private(set) var fulls = 0
    private(set) var answers = 0
    /// The last answer told changes, all there were: the copy equals what was committed before it was asked
    /// for. A full download may be of a moment ago, shared with others.
    private(set) var isCurrent = false

    /// Begins with a full download.
    init(_ daemon: Daemon, token: String) throws {
        try apply(daemon.ask("GET", "/sync/full?entities=products", token: token))
        fulls = 0
    }

    /// Asks once. Returns whether there is more.
    ///
    /// - Parameter more: Further parameters, such as `&limit=3`.
    @discardableResult mutating func poll(_ daemon: Daemon, token: String, _ more: String = "") throws -> Bool
    {
        let target = "/sync/changes?entities=products&since=\(since)" + more
        return try apply(daemon.askPatiently(target, token: token))
    }

    static func hex(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    /// What it should hold in the end.
    static func table(_ daemon: Daemon, business: Int) throws -> [Int: String] {
        let rows = try daemon.sql(
            "SELECT id||'|'||hex(name) FROM products WHERE business_id=\(business) AND deleted_at IS NULL;")
        return Dictionary(
            uniqueKeysWithValues: rows.split(separator: "\n").map { row in
                let parts = row.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
                return (Int(parts[0]) ?? 0, String(parts[1]))
            })
    }

    /// - Throws: Whatever the answer is, when it is not a delta: `since=` is never refused.
    @discardableResult private mutating func apply(_ answer: Answer) throws -> Bool {
        guard answer.status == 200, let json = answer.json,
            let part = (json["data"] as? [String: [String: Any]])?["products"],
            let hasMore = json["has_more"] as? Bool, let time = json["server_timestamp"] as? String
        else {
            let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
            throw SocketFailure(description: "since=\(since) was answered \(answer.status) \(text)")
        }
        answers += 1
        if json["full"] as? Bool == true {
            records = [:]
            fulls += 1
        }
        for list in ["created", "updated"] {
            for case let record as [String: Any] in part[list] as? [Any] ?? [] {
                records[record["id"] as? Int ?? 0] = Self.hex(record["name"] as? String ?? "")
            }
        }
        for case let id as Int in part["deleted"] as? [Any] ?? [] { records[id] = nil }
        since = time
        isCurrent = !hasMore && json["full"] as? Bool != true
        return hasMore
    }
}
