// What the doctor looks at in the machine: limits, room on the disk, clock, versions.

import Foundation
import Gateway
import Glibc
import Settings

/// Looks at what the operating system grants.
struct MachineChecks {
    let settings: Settings.Configuration
    /// The gateway whose limits count; nil: a process started like this one.
    let pid: Int32?

    func findings() -> [Finding] {
        [
            .fine(
                "versions",
                "tidings \(TidingsVersion.text), libevent \(BuiltWith.libevent), Swift \(BuiltWith.swift)"),
            openFiles, inotify, disk, clock,
        ]
    }

    /// What a gateway opens beside connections: databases, epolls, listeners, spooled downloads.
    private static let ownFiles = 200

    private var openFiles: Finding {
        let needed = settings.limits.connections + Self.ownFiles
        let granted = pid.flatMap(Self.granted) ?? Self.own
        let whose = pid.map { "process \($0)" } ?? "a process started from here"
        let text = "\(whose) may open \(granted); limits.connections wants \(needed)"
        return granted >= needed
            ? .fine("open files", text)
            : .warning(
                "open files", text,
                "LimitNOFILE=\(needed) in the unit (config/systemd/tidings.service has 65536), or `ulimit -n`; "
                    + "or lower limits.connections. With --pid the running gateway is looked at.")
    }

    private static var own: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    private static func granted(_ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8) else {
            return nil
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") }
        return line.flatMap { $0.split(separator: " ").dropFirst(3).first }.flatMap { Int($0) }
    }

    private static func number(_ path: String) -> Int? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    private var inotify: Finding {
        let folder = "/proc/sys/fs/inotify"
        guard let watches = Self.number("\(folder)/max_user_watches"),
            let instances = Self.number("\(folder)/max_user_instances")
        else { return .note("inotify", "its limits cannot be read; the safety poll carries on without it") }
        let text = "\(watches) watches, \(instances) instances for each user"
        return watches >= 64 && instances >= 16
            ? .fine("inotify", text)
            : .warning(
                "inotify", text,
                "Raise fs.inotify.max_user_watches and max_user_instances. Without a watch, commits of other "
                    + "processes are seen each journal.safety_poll only.")
    }

    private var disk: Finding {
        let folder = URL(fileURLWithPath: settings.database.path).deletingLastPathComponent().path
        var room = statvfs()
        guard unsafe statvfs(folder, &room) == 0 else {
            return .broken("disk", "\(folder) is not there", "Make the folder, or change database.path.")
        }
        let free = Int(clamping: room.f_bavail) * Int(clamping: room.f_frsize)
        let all = max(1, Int(clamping: room.f_blocks) * Int(clamping: room.f_frsize))
        let text = "\(free >> 20) MiB free in \(folder), \(100 * free / all) %"
        let remedy = "Make room: a full disk refuses the application's writes, uploads and full downloads."
        if free < 100 << 20 { return .broken("disk", text, remedy) }
        return free < 1 << 30 ? .warning("disk", text, remedy) : .fine("disk", text)
    }

    private var clock: Finding {
        let shift = Self.wallMinusMonotonic()
        usleep(200_000)
        let drift = abs(Self.wallMinusMonotonic() - shift)
        if drift > 0.05 {
            return .warning(
                "clock", "the wall clock moved by \(Int(drift * 1_000)) ms within 200 ms",
                "Something sets the clock by hand. Retention does not mind; times in answers do.")
        }
        if FileManager.default.fileExists(atPath: "/run/systemd/timesync/synchronized") {
            return .fine("clock", "steady, and set by NTP (systemd-timesyncd)")
        }
        return .note(
            "clock", "steady; whether NTP sets it is not known here (`timedatectl` or `chronyc` says)")
    }

    private static func wallMinusMonotonic() -> Double {
        var (wall, monotonic) = (timespec(), timespec())
        _ = unsafe clock_gettime(CLOCK_REALTIME, &wall)
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &monotonic)
        return Double(wall.tv_sec - monotonic.tv_sec) + Double(wall.tv_nsec - monotonic.tv_nsec) / 1e9
    }
}
