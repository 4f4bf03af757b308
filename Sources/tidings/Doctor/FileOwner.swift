// Whose a file is, and whether somebody else may write it.

import Foundation
import Glibc

/// The owner, the group and the mode of a file. A value.
struct FileOwner {
    private let user: uid_t
    private let group: gid_t
    private let mode: mode_t

    /// Nil: there is no such file.
    init?(of path: String) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        (user, group, mode) = (info.st_uid, info.st_gid, info.st_mode)
    }

    /// Whether the owner of another file may write this one, as the kernel judges it.
    func isWritable(byOwnerOf other: FileOwner) -> Bool {
        if other.user == 0 { return true }
        if other.user == user { return mode & 0o200 != 0 }
        return mode & (other.ownersGroups.contains(group) ? 0o020 : 0o002) != 0
    }

    /// Those that the owner is in, at the next login at least.
    private var ownersGroups: [gid_t] {
        guard let entry = unsafe getpwuid(user) else { return [group] }
        var groups = [gid_t](repeating: 0, count: 1_024)
        var count = Int32(groups.count)
        guard unsafe getgrouplist(entry.pointee.pw_name, entry.pointee.pw_gid, &groups, &count) >= 0 else {
            return [group]
        }
        return Array(groups.prefix(Int(count)))
    }

    var userName: String {
        unsafe getpwuid(user).map { unsafe String(cString: $0.pointee.pw_name) } ?? "\(user)"
    }
    private var groupName: String {
        unsafe getgrgid(group).map { unsafe String(cString: $0.pointee.gr_name) } ?? "\(group)"
    }
    /// As `ls` would say it: `tidings:tidings 0640`.
    var text: String { "\(userName):\(groupName) 0\(String(mode & 0o777, radix: 8))" }
}
