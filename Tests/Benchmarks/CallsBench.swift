// System calls of the loop for each delivery, counted by strace: one `send` and next to nothing else. The
// clock's figures drift with the machine; this one does not.

import ArgumentParser
import Foundation
import Glibc
import TidingsTesting

struct CallsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "System calls per delivery (needs strace).")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams of one business.") var streams = 200

    func run() throws {
        let layout = Layout(streams: streams, channels: 1)
        let rig = try TidingsRig(layout)
        let crowd = try Crowd(rig, layout)
        let publishing = Publishing(count: 25, rate: 25)
        let counted = try Self.count(of: rig.pid, thread: "loop-0") {
            let publisher = try rig.publish(publishing)
            let report = try crowd.receive(streams * publishing.count, within: 60)
            try publisher.finish()
            return report.received
        }
        let deliveries = Double(counted.received)
        var table = Table("calls", ["calls_per_delivery", "epoll_ctl", "lost"], facts: ["streams": streams])
        table.add(
            "tidings",
            [
                Double(counted.calls.values.reduce(0, +)) / deliveries,
                Double(counted.calls["epoll_ctl"] ?? 0),
                Double(streams * publishing.count - counted.received),
            ])
        for (name, count) in counted.calls.sorted(by: { $0.value > $1.value }) {
            print("  \(name.padding(toLength: 16, withPad: " ", startingAt: 0)) \(count)")
        }
        table.print()
    }

    /// What one thread of a process calls while `work` is done.
    private static func count(
        of pid: pid_t, thread: String, _ work: () throws -> Int
    ) throws -> (received: Int, calls: [String: Int]) {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        let task = tasks.first { task in
            let name = try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/comm", encoding: .utf8)
            return name?.hasPrefix(thread) ?? false
        }
        guard let task else { throw SocketFailure(description: "no thread is called \(thread)") }
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("calls").path
        let strace = try Child("/usr/bin/strace", ["-c", "-p", task, "-o", path])
        let isAttached = waitFor(seconds: 20) {
            let status = try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/status", encoding: .utf8)
            return status?.contains("TracerPid:\t\(strace.pid)\n") == true ? true : nil
        }
        guard isAttached != nil else { throw SocketFailure(description: "strace may not look") }
        let received = try work()
        kill(strace.pid, SIGTERM)
        try? strace.finish()
        var calls: [String: Int] = [:]
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            // % time, seconds, usecs/call, calls, [errors], syscall
            let words = line.split(separator: " ")
            guard words.count >= 5, Double(words[0]) != nil, let count = Int(words[3]), let name = words.last,
                name != "total"
            else { continue }
            calls[String(name)] = count
        }
        return (received, calls)
    }
}
