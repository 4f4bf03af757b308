// From a commit in another process to its event in a till's hands. The committing process is this program
// again; both read the same CLOCK_MONOTONIC. A commit's moment is taken before COMMIT is asked for, so that
// the wait for the disk, the journal, the hooks, the tailing and the encoding are all inside the figure.

import ArgumentParser
import CLinux
import Foundation
import GRDB
import Glibc
import SQLiteEngine
import TidingsTesting

struct LatencyBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Commit in another process → received, over many streams.")

    @Option(help: "Open streams, comma separated; a run for each.") var streams = "1,1000,10000"
    @Option(help: "Businesses the streams are spread over.") var businesses = 1
    @Option(help: "Commits a second.") var rate = 10.0
    @Option(help: "Commits a run.") var commits = 100
    @Option(help: "The built gateway.") var tidings: String
    @Option(help: "Used by this program itself: commits to this database.") var commitTo: String?

    func run() throws {
        if let commitTo { return try commit(commitTo) }
        print("streams  businesses   commits    p50 ms    p99 ms    max ms   lost")
        for count in streams.split(separator: ",").compactMap({ Int($0) }) {
            let gateway = try BenchGateway(
                tidings: tidings, businesses: businesses, tokensEach: count / businesses / 1_000 + 1)
            let (summary, lost) = try measure(gateway, streams: count)
            let figures = [summary.percentile(0.5), summary.percentile(0.99), summary.max]
            print(
                "\(count)".leftPadded(7), "\(businesses)".leftPadded(11), "\(commits)".leftPadded(9),
                figures.map { $0.text(2).leftPadded(9) }.joined(separator: " "), "\(lost)".leftPadded(6))
            printJSON([
                "bench": "latency", "streams": count, "businesses": businesses, "rate": rate,
                "p50_ms": figures[0],
                "p99_ms": figures[1], "max_ms": figures[2], "received": summary.count, "lost": lost,
            ])
        }
    }

    // MARK: The other process

    private func commit(_ path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.inDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            let statement = try db.makeStatement(sql: "UPDATE products SET name = ? WHERE id = ?")
            var next = Self.now()
            for number in 0..<commits {
                while Self.now() < next { usleep(200) }
                next += Int64(1e9 / rate)
                try statement.execute(arguments: ["@\(Self.now())@", Int64(number % businesses + 1)])
            }
        }
    }

    static func now() -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    // MARK: The tills

    private func measure(_ gateway: BenchGateway, streams count: Int) throws -> (Summary, lost: Int) {
        let tills = try TillCrowd(gateway: gateway, count: count)
        try tills.waitUntilReady()
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        writer.arguments = [
            "latency", "--tidings", tidings, "--commit-to", gateway.database, "--commits", "\(commits)",
            "--rate",
            "\(rate)", "--businesses", "\(businesses)",
        ]
        try writer.run()
        // A commit of one business reaches that business's share of the streams.
        var expected = 0
        for number in 0..<commits { expected += tills.count(ofBusiness: number % businesses) }
        let latencies = tills.receive(expected, within: Double(commits) / rate + 20)
        writer.waitUntilExit()
        return (Summary(latencies.map { Double($0) / 1e6 }), expected - latencies.count)
    }
}

/// A gateway with a fresh database. Ended with this object.
final class BenchGateway {
    let directory: URL
    /// By business; a device may hold a thousand streams at most.
    let tokens: [[String]]
    let port: UInt16
    private let process = Process()
    var database: String { directory.appendingPathComponent("shop.db").path }

    var pid: Int32 { process.processIdentifier }

    init(tidings: String, businesses: Int, tokensEach: Int, settings more: [String] = []) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let settings = [
            "database.path=\(directory.path)/shop.db", "database.gateway_path=\(directory.path)/gateway.db",
            "server.listen=127.0.0.1:0", "server.admin_listen=127.0.0.1:0", "limits.streams_per_device=1000",
            "limits.streams_per_business=20000", "limits.connections_per_address=20000",
        ]
        let options = (settings + more).flatMap { ["--set", $0] }
        func command(_ arguments: [String]) throws -> String {
            let run = Process()
            run.executableURL = URL(fileURLWithPath: tidings)
            run.arguments = arguments + options
            let output = Pipe()
            run.standardOutput = output
            try run.run()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            run.waitUntilExit()
            return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        _ = try command(["init"])
        var tokens: [[String]] = []
        for number in 1...businesses {
            _ = try command(["business", "create", "bench \(number)"])
            tokens.append(
                try (0..<tokensEach).map { _ in try command(["token", "create", "--business", "\(number)"]) })
        }
        self.tokens = tokens
        let queue = try DatabaseQueue(path: directory.appendingPathComponent("shop.db").path)
        try queue.inDatabase { db in
            for number in 1...businesses {
                try db.execute(
                    sql: "INSERT INTO products(id, business_id, name) VALUES (?1, ?1, 'x')",
                    arguments: [number])
            }
        }
        process.executableURL = URL(fileURLWithPath: tidings)
        process.arguments = ["serve"] + options
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard
            let port = line.split(separator: " ").first(where: { $0.hasPrefix("http://") })
                .flatMap({ $0.split(separator: ":").last }).flatMap({ UInt16($0) })
        else { throw SocketFailure(description: "the gateway did not start: \(line)") }
        self.port = port
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }
}

/// Many streams read by one thread over epoll: time is looked at once a batch of readiness, and only stamps
/// are parsed.
final class TillCrowd {
    private let epoll: Int32
    private var sockets: [Int32] = []
    private let businesses: Int
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init(gateway: BenchGateway, count: Int) throws {
        epoll = clinux_epoll()
        businesses = gateway.tokens.count
        for number in 0..<count {
            let tokens = gateway.tokens[number % businesses]
            let descriptor = try Self.connect(port: gateway.port, source: UInt32(number / 20_000))
            let request =
                "GET /sync/stream?entities=products HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "
                + tokens[number / businesses % tokens.count] + "\r\n\r\n"
            _ = unsafe request.withCString { unsafe send(descriptor, $0, strlen($0), 0) }
            _ = clinux_epoll_add(epoll, descriptor)
            sockets.append(descriptor)
        }
    }

    deinit {
        for socket in sockets { close(socket) }
        close(epoll)
    }

    /// How many streams belong to the business with that index.
    func count(ofBusiness index: Int) -> Int { (sockets.count - index + businesses - 1) / businesses }

    private static func connect(port: UInt16, source: UInt32) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7F00_0001 + source).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, result == 0 else {
            throw SocketFailure(description: "connect: errno \(errno)")
        }
        return descriptor
    }

    /// Until every stream has had its `ready`.
    func waitUntilReady() throws {
        var ready = 0
        let end = Date().addingTimeInterval(60)
        while ready < sockets.count {
            guard Date() < end else {
                throw SocketFailure(description: "\(ready) of \(sockets.count) streams became ready")
            }
            poll { bytes, _ in ready += Self.occurrences(of: Array("event: ready".utf8), in: bytes) }
        }
    }

    /// Nanoseconds from each stamp to its arrival, until that many have come.
    func receive(_ expected: Int, within seconds: Double) -> [Int64] {
        var latencies: [Int64] = []
        latencies.reserveCapacity(expected)
        let end = Date().addingTimeInterval(seconds)
        while latencies.count < expected, Date() < end {
            poll { bytes, now in
                var index = 0
                while let start = bytes[index...].firstIndex(of: 0x40) {
                    guard let stop = bytes[(start + 1)...].firstIndex(of: 0x40) else { break }
                    if let stamp = Int64(String(decoding: bytes[(start + 1)..<stop], as: UTF8.self)) {
                        latencies.append(now - stamp)
                    }
                    index = stop + 1
                }
            }
        }
        return latencies
    }

    private func poll(_ received: (ArraySlice<UInt8>, Int64) -> Void) {
        var readable = [Int32](repeating: 0, count: 512)
        let count = unsafe clinux_epoll_wait(epoll, &readable, 512, 100)
        for descriptor in readable.prefix(max(0, Int(count))) {
            let length = unsafe recv(descriptor, &buffer, buffer.count, 0)
            if length > 0 { received(buffer[..<length], LatencyBench.now()) }
        }
    }

    private static func occurrences(of needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int {
        guard bytes.count >= needle.count else { return 0 }
        return (bytes.startIndex...(bytes.endIndex - needle.count)).reduce(0) { sum, start in
            bytes[start] == needle[0] && bytes[start..<(start + needle.count)].elementsEqual(needle)
                ? sum + 1 : sum
        }
    }
}

extension String {
    func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
