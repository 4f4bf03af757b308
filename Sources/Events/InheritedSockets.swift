// Listening sockets handed over by whoever started this process (systemd socket activation,
// sd_listen_fds(3)). They outlive the process: what connects while one gateway ends and the next begins
// waits in their queue, so an upgrade refuses nobody.

import Glibc

/// The sockets of LISTEN_FDS. Start-up only.
public enum InheritedSockets {
    private static let first: Int32 = 3

    /// Takes them, in the order they were handed over; empty when there are none for this process.
    ///
    /// The variables are removed, so that no child takes them for its own.
    public static func take() -> [Int32] {
        defer {
            unsafe unsetenv("LISTEN_PID")
            unsafe unsetenv("LISTEN_FDS")
            unsafe unsetenv("LISTEN_FDNAMES")
        }
        guard number("LISTEN_PID") == Int(getpid()), let count = number("LISTEN_FDS"),
            (1...16).contains(count)
        else { return [] }
        let descriptors = (0..<Int32(count)).map { first + $0 }
        for descriptor in descriptors {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
        return descriptors.filter(isListening)
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0
    }

    private static func number(_ name: String) -> Int? {
        unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }
}
