// The real daemon beside a real database in a directory of its own: started, asked, ended, killed and started
// again.

import Foundation
import Glibc
import Synchronization
import Testing
import TidingsTesting

/// A running `tidings serve`. From any thread.
final class Daemon: Sendable {
    let directory: URL
    let settings: [String]
    let port: UInt16
    let adminPort: UInt16
    private let file: String?
    private let descriptors: Int?
    private let state = Mutex<State>(State())

    private struct State {
        var process: Process?
        var pid: pid_t = 0
    }

    var pid: Int32 { state.withLock { $0.pid } }
    var database: String { directory.appendingPathComponent("shop.db").path }
    private var logPath: String { directory.appendingPathComponent("serve.log").path }

    /// Makes the files and starts the gateway.
    ///
    /// - Parameters:
    ///   - more: Settings; `config:FILE` is a file that is read beside them.
    ///   - descriptors: How many it may have; nil: as many as we.
    ///   - application: Whose database it is attached to; nil: the embedded shop.
    init(
        _ more: [String] = [], descriptors: Int? = nil, attachedTo application: AttachedApplication? = nil
    ) throws {
        self.descriptors = descriptors
        (port, adminPort) = (try ownPort(), try ownPort())
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        settings =
            [
                "database.path=\(directory.path)/shop.db",
                "database.gateway_path=\(directory.path)/gateway.db",
                "server.loops=2", "database.readers=2", "stream.heartbeat=2s",
                "limits.connections_per_address=0",
                // Tests ask faster than any till.
                "rates.general=0", "rates.sync=0", "rates.batch=0", "rates.continuation=0",
                "rates.authentication=0",
            ] + more.filter { !$0.hasPrefix("config:") }
            + (application == nil ? [] : Self.attached(in: directory))
        file = more.first { $0.hasPrefix("config:") }.map { String($0.dropFirst(7)) }
        if let application {
            try application.make(in: directory)
            try tidings("hooks", "install")
        } else if more.contains(where: { $0.hasPrefix("database.") || $0.hasPrefix("config:") }) {
            try tidings("init")
        } else {
            for name in try FileManager.default.contentsOfDirectory(atPath: Self.fresh.get().path) {
                try FileManager.default.copyItem(
                    at: Self.fresh.get().appendingPathComponent(name),
                    to: directory.appendingPathComponent(name))
            }
        }
        try start()
    }

    /// What `tidings init` makes, once for all tests.
    private static let fresh: Result<URL, any Error> = Result {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let (status, output) = try runToEnd(
            executable.path,
            [
                "init", "--set", "database.path=\(directory.path)/shop.db", "--set",
                "database.gateway_path=\(directory.path)/gateway.db",
            ])
        guard status == 0 else { throw SocketFailure(description: "tidings init: \(output)") }
        atexit { try? FileManager.default.removeItem(at: Daemon.fresh.get()) }
        return directory
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    /// The built executable, next to the test bundle.
    static let executable: URL = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0])
        var folder = bundle.deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = folder.appendingPathComponent("tidings")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder = folder.deletingLastPathComponent()
        }
        return URL(fileURLWithPath: ".build/debug/tidings")
    }()

    /// Runs a command of the CLI on this daemon's files. Returns what it printed.
    @discardableResult func tidings(_ arguments: String...) throws -> String {
        try tidings(arguments: arguments)
    }

    /// The same with a list of arguments.
    @discardableResult func tidings(arguments: [String]) throws -> String {
        let (status, output) = try runToEnd(
            Self.executable.path, arguments + settings.flatMap { ["--set", $0] })
        guard status == 0 else { throw SocketFailure(description: "tidings \(arguments): \(output)") }
        return output
    }

    /// Starts the gateway, on the same addresses each time, and waits until it is ready.
    func start() throws {
        let listen = [
            "server.listen=127.0.0.1:\(port)", "server.admin_listen=127.0.0.1:\(adminPort)",
        ]
        let output = unsafe open(logPath, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0o600)
        let offset = (try? Data(contentsOf: URL(fileURLWithPath: logPath)).count) ?? 0
        let process = Process()
        let limit = descriptors.map { "ulimit -n \($0); " } ?? ""
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            ["-c", limit + "exec \"$0\" \"$@\"", Self.executable.path, "serve"]
            + (file.map { ["--config", $0] } ?? []) + (settings + listen).flatMap { ["--set", $0] }
        process.standardOutput = FileHandle(fileDescriptor: output, closeOnDealloc: true)
        process.standardError = process.standardOutput
        try process.start()
        state.withLock {
            $0.pid = process.processIdentifier
            $0.process = process
        }
        let isReady = waitFor(seconds: 30) { Self.saysReady(self.logPath, after: offset) ? true : nil }
        guard isReady == true else { throw SocketFailure(description: "not ready: \(log())") }
    }

    private static func saysReady(_ path: String, after offset: Int) -> Bool {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)), data.count > offset else {
            return false
        }
        return String(decoding: data[offset...], as: UTF8.self).split(separator: "\n").contains {
            $0.hasPrefix("tidings ready ")
        }
    }

    /// The most memory it has had so far (VmHWM), in KiB.
    func peakKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(state.withLock { $0.pid })/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return try #require(line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) })
    }

    /// SIGTERM; does not wait.
    func beginDraining() { _ = Glibc.kill(state.withLock { $0.pid }, SIGTERM) }

    /// Everything it has said.
    func log() -> String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// kill -9.
    func kill() { end(SIGKILL) }

    /// SIGHUP.
    func hangUp() { _ = Glibc.kill(state.withLock { $0.pid }, SIGHUP) }

    /// SIGTERM; waits for the end. Returns the exit status; -1 when it does not end.
    @discardableResult func terminate() -> Int32 { end(SIGTERM) }

    @discardableResult private func end(_ signal: Int32) -> Int32 {
        let (pid, process) = state.withLock { state in
            defer { (state.pid, state.process) = (0, nil) }
            return (state.pid, state.process)
        }
        guard pid > 0, let process else { return 0 }
        Glibc.kill(pid, signal)
        guard waitFor(seconds: 30, { process.isRunning ? nil : true }) == true else { return -1 }
        return process.terminationStatus
    }

    // MARK: Other processes

    /// SQL through the `sqlite3` shell. Returns what it printed.
    @discardableResult func sql(_ statements: String) throws -> String {
        try sql(statements, in: database)
    }

    /// The same in the gateway's own file.
    @discardableResult func gatewaySQL(_ statements: String) throws -> String {
        try sql(statements, in: directory.appendingPathComponent("gateway.db").path)
    }

    private func sql(_ statements: String, in file: String) throws -> String {
        let (status, output) = try runToEnd(
            "/usr/bin/sqlite3", ["-bail", file],
            input: ".timeout 20000\nPRAGMA foreign_keys=ON;\n" + statements)
        guard status == 0 else { throw SocketFailure(description: "sqlite3: \(output)") }
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static var writers: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Writers")
    }

    /// Starts a Python writer; `finish` waits for it.
    func startWriter(seed: Int, seconds: Double, businesses: [Int]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "python3", Self.writers.appendingPathComponent("shop_writer.py").path, database, "\(seed)",
                "\(seconds)",
            ]
            + businesses.map(String.init)
        process.standardOutput = Pipe.unshared()
        try process.start()
        return process
    }

    // MARK: Clients

    func ask(
        _ method: String = "GET", _ target: String, token: String? = nil, headers: [(String, String)] = [],
        body: String? = nil
    ) throws -> Answer {
        try TillSocket.ask(port: port, method, target, token: token, headers: headers, body: body)
    }

    /// Asks again, as tills do, while the answer is 503: a database that was put back is being judged.
    func askPatiently(_ target: String, token: String) throws -> Answer {
        let end = ContinuousClock.now + .seconds(30)
        while true {
            let answer = try ask("GET", target, token: token)
            guard answer.status == 503, ContinuousClock.now < end else { return answer }
            usleep(20_000)
        }
    }

    /// A new business, and a token of a person who may do everything in it.
    func newBusiness() throws -> (id: Int, token: String) {
        let id = try #require(Int(sql("INSERT INTO businesses(name) VALUES('test') RETURNING id;")))
        let answer = try tidings("user", "create", "owner", "--business", "\(id)", "--json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any])
        return (id, try #require(json["token"] as? String))
    }

    /// Registers a till. Returns its token.
    func register(_ device: String, by token: String) throws -> String {
        let answer = try ask(
            "POST", "/api/v1/sync/register", token: token,
            body: #"{"device_id":"\#(device)","name":"\#(device)","platform":"test","app_version":"1"}"#)
        let data = answer.json?["data"] as? [String: Any]
        return try #require(
            data?["token"] as? String, "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
    }
}
