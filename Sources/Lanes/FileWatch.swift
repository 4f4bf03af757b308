// Tells that somebody wrote to a file: inotify. A hint and no more: it fires before a commit is visible, and
// says nothing when the file is replaced between two looks. Whoever listens polls as well.

import CLinux
import Glibc

/// Watches one path on a worker lane. Lives on that lane.
public final class FileWatch {
    private let path: String
    private let descriptor: Int32
    private var watch: Int32 = -1
    private var buffer = [UInt8](repeating: 0, count: 4_096)

    /// - Parameters:
    ///   - rest: A transaction is dozens of writes: after one, no more are heard of for so long.
    ///   - onWrite: Called on the lane, once for any number of writes since the last call.
    public init(
        path: String, on lane: WorkerLane, restingFor rest: Duration, onWrite: @escaping () -> Void
    ) {
        self.path = path
        descriptor = clinux_inotify()
        rearm()
        lane.watch(descriptor, restingFor: rest) { [weak self] in
            self?.drain()
            onWrite()
        }
    }

    deinit { close(descriptor) }

    /// Watches the file that stands at the path now; it may have been removed and made again.
    public func rearm() {
        guard descriptor >= 0 else { return }
        // The same inode gives the same watch: asking again costs nothing.
        watch = unsafe clinux_watch(descriptor, path)
    }

    private func drain() {
        while unsafe read(descriptor, &buffer, buffer.count) > 0 {}
    }
}
