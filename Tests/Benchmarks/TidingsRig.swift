// The gateway as it ships, beside a database of its own: as many businesses as there are channels, a device
// and a token for each stream, and a second process that commits.

import Foundation
import GRDB
import Glibc
import Registry
import TidingsTesting

/// A gateway with a fresh database. Ended with this object. Lives on the main thread.
final class TidingsRig: Rig {
    let name = "tidings"
    let port: UInt16
    let adminPort: UInt16
    let readyMark = "event: ready"
    let directory: URL
    private let server: Child
    private let layout: Layout
    private let rowsEach: Int
    /// Sync tokens by channel: where a stream that returns left off.
    private var lastIDs: [Int: String] = [:]

    var pid: pid_t { server.pid }
    var database: String { directory.appendingPathComponent("shop.db").path }

    /// - Parameters:
    ///   - settings: Over those of every bench.
    ///   - isPinned: Whether it may use the first core only.
    init(
        _ layout: Layout, settings more: [String] = [], loops: Int = 1, isPinned: Bool = true,
        rowsEach: Int? = nil
    ) throws {
        self.layout = layout
        directory = try temporaryDirectory()
        // So many that a snapshot seldom holds two changes of one record, which would be told as one.
        let rowsEach = rowsEach ?? max(16, min(1_024, 4_096 / layout.streams.count))
        self.rowsEach = rowsEach
        // Heartbeats would be counted with the deliveries; limits are for clients, not for a bench.
        let settings =
            [
                "database.path=\(directory.path)/shop.db",
                "database.gateway_path=\(directory.path)/gateway.db",
                "server.listen=127.0.0.1:0", "server.admin_listen=127.0.0.1:0", "server.loops=\(loops)",
                "server.accept_backlog=16384", "limits.streams_per_business=1000000",
                "limits.connections_per_address=0", "limits.connections=1000000", "stream.heartbeat=5m",
                "rates.general=0", "rates.sync=0", "rates.continuation=0", "rates.authentication=0",
            ] + more
        let options = settings.flatMap { ["--set", $0] }
        try Child.run(Child.sibling("tidings"), ["init"] + options)
        try Self.makeShop(directory, layout, rowsEach)
        try Self.makeTills(directory, layout)
        server = try Child(Child.sibling("tidings"), ["serve"] + options, core: isPinned ? 0 : nil)
        let line = try server.line()
        let ports = line.split(separator: " ").filter { $0.hasPrefix("http://") }
            .compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
        guard ports.count == 2 else {
            throw SocketFailure(description: "the gateway did not start: \(line)")
        }
        (port, adminPort) = (ports[0], ports[1])
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Tells it to leave. `finished` returns once it has, and throws if not with 0.
    func terminate() { kill(pid, SIGTERM) }
    func finished() throws { try server.finish() }

    /// The accounts of the event loops' threads.
    private lazy var loopAccounts: [String] = {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.map { "/proc/\(pid)/task/\($0)" }.filter { task in
            (try? String(contentsOfFile: "\(task)/comm", encoding: .utf8))?.hasPrefix("loop-") ?? false
        }.map { "\($0)/schedstat" }
    }()

    /// Processor time of the event loops' threads.
    var loopSeconds: Double {
        loopAccounts.reduce(0) { sum, account in
            let text = (try? String(contentsOfFile: account, encoding: .utf8)) ?? ""
            return sum + (text.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
        }
    }

    /// A page of the admin listener.
    func scrape(_ path: String) throws -> [UInt8] {
        let answer = try TillSocket.ask(port: adminPort, "GET", path)
        guard answer.status == 200 else {
            throw SocketFailure(description: "\(path) answers \(answer.status)")
        }
        return Array(answer.body)
    }

    /// A metric without labels; not a number when there is none of that name.
    func metric(_ name: String) throws -> Double {
        let page = String(decoding: try scrape("/metrics"), as: UTF8.self)
        let line = page.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? .nan
    }

    private static func makeShop(_ directory: URL, _ layout: Layout, _ rowsEach: Int) throws {
        let queue = try DatabaseQueue(path: directory.appendingPathComponent("shop.db").path)
        try queue.write { db in
            for channel in layout.streams.indices {
                try db.execute(
                    sql: "INSERT INTO businesses(id, name) VALUES (?, 'bench')", arguments: [channel + 1])
                try db.execute(
                    sql: """
                        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                        INSERT INTO brands(id, business_id, name) SELECT ? + i, ?, 'x' FROM n
                        """, arguments: [rowsEach, channel * rowsEach, channel + 1])
            }
        }
    }

    private static func secret(_ channel: Int, _ stream: Int) -> String { "bench-\(channel)-\(stream)" }

    /// Straight into the registry's file: registering 10,000 tills one by one would take longer than the
    /// bench.
    private static func makeTills(_ directory: URL, _ layout: Layout) throws {
        let queue = try DatabaseQueue(path: directory.appendingPathComponent("gateway.db").path)
        try queue.write { db in
            for (channel, streams) in layout.streams.enumerated() {
                for stream in 0..<streams {
                    let device = "till-\(channel)-\(stream)"
                    try db.execute(
                        sql: """
                            INSERT INTO tidings_devices(business, device, name, created_at, last_seen_at)
                            VALUES (?, ?, 'bench', 0, 0)
                            """, arguments: [channel + 1, device])
                    try db.execute(
                        sql: """
                            INSERT INTO tidings_tokens(
                              tokenable_type, tokenable_id, name, token, abilities, business, device,
                              created_at)
                            VALUES ('device', ?1, 'bench', ?2, '["sync:read"]', ?3, ?1, 0)
                            """,
                        arguments: [device, SecretHash(of: secret(channel, stream)).hex, channel + 1])
                }
            }
        }
    }

    func requests(channel: Int, count: Int) -> [(target: String, bearer: String, lastID: String)] {
        (0..<count).map { stream in
            (
                "/sync/stream?entities=brands",
                Self.secret(channel, stream % max(1, layout.streams[channel])),
                lastIDs[channel] ?? "-"
            )
        }
    }

    /// Streams that are opened from now on return to where the database is now.
    func remember(channels: Int) throws {
        for channel in 0..<channels {
            let answer = try TillSocket.ask(
                port: port, "GET", "/sync/full?entities=brands", token: Self.secret(channel, 0))
            lastIDs[channel] = answer.json?["sync_token"] as? String
        }
    }

    func stamps(_ publishing: Publishing) -> Int { publishing.bulk }

    func publish(_ publishing: Publishing) throws -> Child {
        try Child(
            CommandLine.arguments[0],
            [
                "commit", "--database", database, "--count", "\(publishing.count)", "--rate",
                "\(publishing.rate)", "--channels", "\(publishing.channels)", "--first",
                "\(publishing.first)",
                "--rows-each", "\(rowsEach)", "--bulk", "\(publishing.bulk)",
            ], core: 1, isFirst: publishing.isFirst)
    }
}
