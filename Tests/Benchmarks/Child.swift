// A program that a bench starts beside itself: pinned to a core, spoken to in lines, measured from outside.

import Foundation
import Glibc
import TidingsTesting

/// A running program. Killed with this object. Lives on the main thread.
final class Child {
    let pid: pid_t
    private let process: Process
    private let output: FileHandle
    private let input: FileHandle
    private var buffer = Data()

    /// - Parameters:
    ///   - core: Where it may run, with all its threads; nil or a core that is not there: anywhere.
    ///   - isFirst: Whether it is served before its neighbours on the core; only root may ask for it.
    init(_ program: String, _ arguments: [String], core: Int? = nil, isFirst: Bool = false) throws {
        process = Process()
        var command = [program] + arguments
        if isFirst, Self.mayBeFirst { command = Self.first + command }
        if let core, core < Child.coreCount, Self.isThere("/usr/bin/taskset") {
            command = ["/usr/bin/taskset", "-c", "\(core)"] + command
        }
        // Whoever ends the bench ends what it started.
        if Self.isThere("/usr/bin/setpriv") {
            command = ["/usr/bin/setpriv", "--pdeathsig", "TERM"] + command
        }
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let (outPipe, inPipe) = (Pipe(), Pipe())
        process.standardOutput = outPipe
        process.standardInput = inPipe
        output = outPipe.fileHandleForReading
        input = inPipe.fileHandleForWriting
        try process.run()
        pid = process.processIdentifier
    }

    deinit {
        try? input.close()
        if process.isRunning { kill(pid, SIGKILL) }
        process.waitUntilExit()
    }

    private static func isThere(_ program: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: program)
    }

    static let coreCount = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// A program built beside this one.
    static func sibling(_ name: String) -> String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent(name).path
    }

    func say(_ line: String) throws { try input.write(contentsOf: Data((line + "\n").utf8)) }

    /// Its next line of output.
    func line(within seconds: Double = 120) throws -> String {
        let end = Date().addingTimeInterval(seconds)
        while true {
            if let newline = buffer.firstIndex(of: 0x0A) {
                defer { buffer.removeSubrange(...newline) }
                return String(decoding: buffer[..<newline], as: UTF8.self)
            }
            let left = end.timeIntervalSinceNow
            var waiting = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard left > 0, unsafe poll(&waiting, 1, Int32(left * 1_000)) > 0 else {
                throw SocketFailure(description: "no answer from \(process.executableURL?.path ?? "")")
            }
            let more = output.availableData
            guard !more.isEmpty else { throw SocketFailure(description: "a program ended early") }
            buffer += more
        }
    }

    private static let first = ["/usr/bin/chrt", "--fifo", "1"]

    /// Whether the system lets this user be served first.
    private static let mayBeFirst: Bool = {
        guard isThere(first[0]) else { return false }
        let trial = Process()
        trial.executableURL = URL(fileURLWithPath: first[0])
        trial.arguments = Array(first.dropFirst()) + ["/bin/true"]
        trial.standardError = FileHandle.nullDevice
        guard (try? trial.run()) != nil else { return false }
        trial.waitUntilExit()
        return trial.terminationStatus == 0
    }()

    /// Waits for its end.
    func finish() throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw SocketFailure(description: "a program failed: \(process.terminationStatus)")
        }
    }

    /// Runs a command to its end.
    static func run(_ program: String, _ arguments: [String]) throws {
        let child = try Child(program, arguments)
        while (try? child.line()) != nil {}
        try child.finish()
    }
}

/// What a process has used, by its own accounts.
struct Usage {
    let cpuSeconds: Double
    let residentBytes: Int
    let proportionalBytes: Int

    init(of pid: pid_t) {
        var clock = clockid_t()
        var time = timespec()
        if unsafe clock_getcpuclockid(pid, &clock) == 0 { _ = unsafe clock_gettime(clock, &time) }
        cpuSeconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        let rollup = (try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)) ?? ""
        func bytes(_ name: String) -> Int {
            let line = rollup.split(separator: "\n").first { $0.hasPrefix(name) }
            return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
        }
        residentBytes = bytes("Rss:")
        proportionalBytes = bytes("Pss:")
    }
}
