// Which libevent is loaded.

import CLibevent

extension EventLoop {
    /// As libevent says it.
    public static var libeventVersion: String { unsafe String(cString: event_get_version()) }
}
