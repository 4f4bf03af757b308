// Whether a path still names the same file: a restore by rename puts another one there, and whoever goes on
// with the old descriptor watches a file that nobody writes to any more.

import Glibc

/// Device and inode.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    /// Nil when there is no file. Opens nothing: closing a descriptor of the database file would drop this
    /// process's POSIX locks on it.
    init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}
