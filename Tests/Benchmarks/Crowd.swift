// Many streams, held by `tidings-load crowd` on the second core.

import Foundation
import Glibc
import TidingsTesting

/// Streams of one rig. Closed with this object. Lives on the main thread.
final class Crowd {
    /// What happened when they were opened.
    struct Opening: Decodable {
        let ready: Int
        let closed: Int
        let seconds: Double
    }

    /// What they received since the last reset.
    struct Report: Decodable {
        struct Group: Decodable {
            let streams: Int
            let received: Int
            /// Of the stream that received least, and most.
            let least: Int
            let most: Int
            /// Milliseconds from stamp to receipt.
            let p50: Double
            let p99: Double
            let max: Double
        }
        let received: Int
        let bytes: Int
        /// Since the beginning.
        let closed: Int
        /// From the first stamp to the last.
        let seconds: Double
        /// From the first connect to the last stamp.
        let sinceOpening: Double
        let groups: [Group]
    }

    /// How the server ended them.
    struct Ending: Decodable {
        let ended: Int
        /// Streams that were told `bye`.
        let byes: Int
        /// Until the last one was ended.
        let seconds: Double
        let mostInASecond: Int
        /// When they are to return, in milliseconds.
        let retryLeast: Int
        let retryMiddle: Int
        let retryMost: Int
    }

    /// Streams of one channel, and the group they are counted in.
    struct Part {
        var channel: Int
        var count: Int
        var group = 0
        var neverReads = false
    }

    let opening: Opening
    private let load: Child
    private let directory: URL

    /// Opens the streams and waits until each is served.
    ///
    /// - Parameters:
    ///   - burst: How many are being opened at any moment.
    ///   - isFirst: Whether it is served before its neighbours on the core, where that may be asked.
    init(
        _ rig: any Rig, _ parts: [Part], burst: Int = 512, seconds: Double = 60, isFirst: Bool = false
    ) throws {
        directory = try temporaryDirectory()
        let path = directory.appendingPathComponent("requests").path
        var lines: [[String]] = []
        for part in parts {
            lines.append(
                rig.requests(channel: part.channel, count: part.count).map {
                    let flags = part.neverReads ? "n" : "-"
                    return "\(part.group)\t\($0.target)\t\($0.bearer)\t\($0.lastID)\t\(flags)\n"
                })
        }
        // Channels in turn, as tills of different shops come.
        var text = ""
        for index in 0..<(lines.map(\.count).max() ?? 0) {
            for part in lines where index < part.count { text += part[index] }
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        load = try Child(
            Child.sibling("tidings-load"),
            [
                "crowd", "--port", "\(rig.port)", "--requests", path, "--ready", rig.readyMark, "--burst",
                "\(burst)", "--seconds", "\(seconds)", "--source", "\(Int.random(in: 1..<250))",
            ], core: 1, isFirst: isFirst)
        opening = try JSONDecoder().decode(Opening.self, from: Data(load.line(within: seconds + 10).utf8))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// All of a layout's streams.
    convenience init(_ rig: any Rig, _ layout: Layout, burst: Int = 512) throws {
        try self.init(
            rig, layout.streams.enumerated().map { Part(channel: $0.offset, count: $0.element) }, burst: burst
        )
    }

    /// Forgets what was received so far.
    func reset() throws {
        try load.say("reset")
        _ = try load.line()
    }

    /// Until that many stamps have come in all.
    func receive(_ count: Int, within seconds: Double) throws -> Report {
        try load.say("wait \(count) \(seconds)")
        return try JSONDecoder().decode(Report.self, from: Data(load.line(within: seconds + 30).utf8))
    }

    /// Tells the server to go, and waits until it has ended all streams.
    func whenEnded(within seconds: Double, after begin: () -> Void) throws -> Ending {
        try load.say("ended \(seconds)")
        _ = try load.line()
        begin()
        return try JSONDecoder().decode(Ending.self, from: Data(load.line(within: seconds + 30).utf8))
    }

    /// Stands still until `resume`: what comes meanwhile waits in the kernel.
    func pause() { kill(load.pid, SIGSTOP) }
    func resume() { kill(load.pid, SIGCONT) }

    /// Ends all streams.
    func close() throws {
        try load.say("close")
        _ = try load.line()
    }
}
