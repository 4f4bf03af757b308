// Tells that somebody wrote to a file: inotify. A hint and no more: it fires before a commit is visible, and
// says nothing when the file is replaced between two looks. Whoever listens polls as well.

import CLinux
import Glibc

/// Watches one path. Lives on its worker lane.
public final class FileWatch {
    private let path: String
    private let lane: WorkerLane
    private let descriptor: Int32
    private var watch: Int32 = -1
    private var buffer = [UInt8](repeating: 0, count: 4_096)
    private var wasWritten = false
    /// Called on the lane, once for any number of writes since the last call.
    public var onWrite: () -> Void = {}

    /// - Parameters:
    ///   - rest: A transaction is dozens of writes: after one, no more are heard of for so long, or until
    ///     somebody asks.
    public init(path: String, on lane: WorkerLane, restingFor rest: Duration) {
        self.path = path
        self.lane = lane
        descriptor = clinux_inotify()
        rearm()
        lane.watch(descriptor, restingFor: rest) { [weak self] in
            self?.drain()
            self?.onWrite()
        }
    }

    deinit { close(descriptor) }

    /// Watches the file that stands at the path now; it may have been removed and made again.
    public func rearm() {
        guard descriptor >= 0 else { return }
        // The same inode gives the same watch: asking again costs nothing.
        watch = unsafe clinux_watch(descriptor, path)
    }

    /// Whether anything was written since this was asked before, heard of already or not.
    public func takeNews() -> Bool {
        drain()
        // All that was announced is known now. Left to rest, the lane would wake at its end only to listen.
        lane.endRest(of: descriptor)
        defer { wasWritten = false }
        return wasWritten
    }

    private func drain() {
        var count = buffer.count
        // What is read fills the buffer as far as it goes, so less than half of it was all.
        while count > buffer.count / 2 {
            count = unsafe read(descriptor, &buffer, buffer.count)
            if count > 0 { wasWritten = true }
        }
    }
}
