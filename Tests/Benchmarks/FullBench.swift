// A full download against the fastest way there is to get the same rows out of the same file as JSON: the
// sqlite3 shell, writing to nowhere. By turns, in one run.

import ArgumentParser
import Domain
import Foundation
import Settings
import TidingsTesting

struct FullBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "full", abstract: "A full download against sqlite3 -json, and its memory.")

    @Option(help: "Products in the database.") var products = 100_000
    @Option(help: "Runs of each.") var runs = 7

    func run() throws {
        let gateway = try TidingsRig.withProducts(products)
        let statement = try statement()
        var (shell, ours, packed): ([Double], [Double], [Double]) = ([], [], [])
        // Before any download: what the first one leaves behind counts too.
        let before = try ProcessFigures(pid: gateway.pid).residentKilobytes
        ProcessFigures.forgetPeak(pid: gateway.pid)
        _ = try download(gateway, gzip: false)
        for _ in 0..<runs {
            shell.append(try dump(gateway.database, statement))
            // Let the shared file go: each download reads the database.
            usleep(2_600_000)
            ours.append(try download(gateway, gzip: false))
            packed.append(try download(gateway, gzip: true))
        }
        let peak = try ProcessFigures(pid: gateway.pid).peakKilobytes
        let grown = peak - before
        let (a, b, c) = (
            Summary(shell).percentile(0.5), Summary(ours).percentile(0.5), Summary(packed).percentile(0.5)
        )
        print("\(products) products, medians of \(runs)")
        print(
            "  sqlite3 -json to nowhere   \((Double(products) / a).text(0)) rows/s   \((a * 1_000).text(0)) ms"
        )
        print(
            "  GET /sync/full             \((Double(products) / b).text(0)) rows/s   \((b * 1_000).text(0)) ms"
        )
        print(
            "  GET /sync/full, gzip       \((Double(products) / c).text(0)) rows/s   \((c * 1_000).text(0)) ms"
        )
        print("  share of sqlite3's rate    \((a / b * 100).text(0)) %")
        print("  memory above baseline      \((Double(grown) / 1_024).text(1)) MiB")
        printJSON([
            "bench": "full", "products": products, "sqlite3_ms": a * 1_000, "full_ms": b * 1_000,
            "full_gzip_ms": c * 1_000, "share": a / b, "grown_kib": grown,
        ])
    }

    /// The columns of a record.
    private func statement() throws -> String {
        let catalogue = try CatalogueFile.embedded()
        guard let entity = catalogue.entities.first(where: { $0.name.text == "products" }) else { return "" }
        let columns = ["id", "version", "created_at", "updated_at"] + entity.fields.map(\.column)
        return "SELECT \(columns.joined(separator: ", ")) FROM products "
            + "WHERE business_id = 1 AND deleted_at IS NULL"
    }

    private func dump(_ database: String, _ statement: String) throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
        process.arguments = ["-json", database, statement]
        process.standardOutput = FileHandle.nullDevice
        let start = ContinuousClock.now
        try process.run()
        process.waitUntilExit()
        return seconds(ContinuousClock.now - start)
    }

    /// From the request to the last byte, which is thrown away.
    private func download(_ gateway: TidingsRig, gzip: Bool) throws -> Double {
        let socket = try TillSocket(port: gateway.port)
        let start = ContinuousClock.now
        var headers = [("Authorization", "Bearer \(gateway.bearer)")]
        if gzip { headers.append(("Accept-Encoding", "gzip")) }
        try socket.request("GET", "/sync/full?entities=products", headers: headers)
        let (status, fields) = try socket.readHead(within: 60)
        var left = fields["content-length"].flatMap { Int($0) } ?? 0
        guard status == 200, left > 0 else { throw SocketFailure(description: "\(status)") }
        while left > 0, let bytes = try socket.read(within: 60), !bytes.isEmpty { left -= bytes.count }
        guard left == 0 else { throw SocketFailure(description: "cut short") }
        return seconds(ContinuousClock.now - start)
    }

    private func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
