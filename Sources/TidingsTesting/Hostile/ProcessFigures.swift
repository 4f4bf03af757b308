// What a process takes: memory, time, descriptors, as the kernel counts them.

import Foundation

/// A look at a running process. A value.
public struct ProcessFigures: Sendable {
    /// The most memory it held since `forgetPeak` (VmHWM).
    public let peakKilobytes: Int
    public let residentKilobytes: Int
    /// Of all its threads, in user and kernel.
    public let cpuSeconds: Double
    public let descriptors: Int
    /// Of these, the sockets: a database or a spool that is opened on first use is none.
    public let sockets: Int

    /// - Throws: When there is no such process.
    public init(pid: Int32) throws {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        func kilobytes(_ name: String) -> Int {
            status.split(separator: "\n").first { $0.hasPrefix(name) }
                .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        }
        peakKilobytes = kilobytes("VmHWM:")
        residentKilobytes = kilobytes("VmRSS:")
        // Behind the name in brackets; utime and stime are fields 14 and 15 of the line, in ticks of 1/100 s.
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw SocketFailure(description: "/proc/\(pid)/stat is not understood")
        }
        cpuSeconds = (user + system) / 100
        let folder = "/proc/\(pid)/fd"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        descriptors = names.count
        // One that is closed while we look is gone, and is none.
        sockets = names.count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
            return target?.hasPrefix("socket:") ?? false
        }
    }

    /// Lets the kernel count the peak anew.
    public static func forgetPeak(pid: Int32) {
        try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(pid)/clear_refs"))
    }
}
